//! Pure: which directories are watched, within the budget that the kernel gives, and which are only swept.

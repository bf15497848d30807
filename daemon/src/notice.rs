//! Pure: which of the findings that have opened are worth a notification, grouped and rate-limited.

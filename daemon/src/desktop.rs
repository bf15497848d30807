//! The edge to the desktop's notifications.

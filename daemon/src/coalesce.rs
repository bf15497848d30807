//! Pure: many events of a path become one look at it, and a burst below a directory one sweep of that.

//! The edge to inotify: paths in, file events out, and typed problems instead of silence.

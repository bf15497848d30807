//! The edge to the journal, or to standard error where there is none.

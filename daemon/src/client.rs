//! The contract of the session bus: names, records, errors, and the proxy that the command line uses.

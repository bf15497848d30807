//! The edge to what says how busy and how well powered the machine is: UPower, logind, load.

//! Load generator and bench for nodeproxy.

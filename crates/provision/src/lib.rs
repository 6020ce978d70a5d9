//! letsbe-provision

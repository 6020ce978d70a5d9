//! letsbe-dns

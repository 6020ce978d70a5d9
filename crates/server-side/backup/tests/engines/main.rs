//! What stands beside rows and tables comes along: with real servers of this machine, by the very commands of a night and
//! a stage.

mod mariadb;
mod postgresql;
mod server;

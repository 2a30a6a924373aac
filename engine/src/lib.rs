pub mod tlog;

pub mod audit;
pub mod db;

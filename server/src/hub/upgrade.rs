//! The framework's socket, under the names that a session uses.

pub use poem::web::websocket::{CloseCode, Message, WebSocketStream};

//! The probes' door: `/ws/probe`.

use poem::web::Data;
use poem::web::websocket::WebSocket;
use poem::{IntoResponse, handler};
use poem_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::app::App;

/// Small buffers: a probe is idle nearly always, and there are thousands of them.
fn bounds() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * legator_protocol::MAX_FRAME)
        .max_message_size(Some(legator_protocol::MAX_FRAME))
        .max_frame_size(Some(legator_protocol::MAX_FRAME))
}

#[handler]
pub fn probe(socket: WebSocket, app: Data<&App>) -> impl IntoResponse {
    let app = app.0.clone();
    socket.config(bounds()).on_upgrade(move |stream| async move {
        crate::hub::serve(app.hub.clone(), &app, stream).await;
    })
}

//! Passkeys (WebAuthn): what an authenticator has made, shown or signed. The server asks here when somebody signs in or
//! votes, and whoever checks the log without a server asks here about the same signatures.
//! Never: knows whose key it is, or which challenge is still to be answered.

pub mod cbor;
pub mod proof;

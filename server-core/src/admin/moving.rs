//! Saying that the host is elsewhere now, or that it is back.

use protocol::CloseCode;
use vault::rusqlite::Connection;

use super::{Administration, Answer};
use crate::error::Refusal;
use crate::forward;
use crate::store::now;
use crate::store::table::forwards;

impl Administration {
    /// From now on this place only says where the host is. Whoever is connected is told to come back, and then hears
    /// it.
    pub(super) async fn forward(&self, addresses: Vec<String>) -> Result<Answer, Refusal> {
        forward::check(&addresses)?;
        let at = now();
        let moved =
            forward::note(&self.host.identity, addresses.clone(), at).ok_or_else(Refusal::internal)?;
        let host = self.host.clone();
        let object = addresses.join(" ");
        let work = move |conn: &Connection| Ok(forwards::set(conn, &addresses, at)?);
        self.commit(("host moved", object), work, move |(), hub| {
            host.moved.store(Some(std::sync::Arc::new(moved)));
            hub.close_everyone(CloseCode::ComeBack);
        })
        .await?;
        Ok(Answer::Done)
    }

    /// The host is here again.
    pub(super) async fn come_home(&self) -> Result<Answer, Refusal> {
        let host = self.host.clone();
        let work = |conn: &Connection| Ok(forwards::forget(conn)?);
        self.commit(("host came home", String::new()), work, move |(), _| host.moved.store(None)).await?;
        Ok(Answer::Done)
    }
}

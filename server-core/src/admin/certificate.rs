//! How it stands with the certificate, and having a new one before its time.

use super::{Administration, Answer, Certificate};
use crate::error::Refusal;
use crate::tls;

impl Administration {
    pub(super) fn certificate(&self) -> Answer {
        let state = self.host.keeper.state();
        Answer::Certificate(Certificate {
            files_end_at: self.host.live.load().tls.as_ref().and_then(tls::ends),
            names: state.names,
            ends_at: state.ends,
            next_at: Some(state.next).filter(|next| next.0 > 0),
            failures: state.failures,
            problem: state.problem,
        })
    }

    pub(super) async fn renew_certificate(&self) -> Result<Answer, Refusal> {
        let names = self.host.keeper.state().names;
        if names.is_empty() {
            return Err(Refusal::forbidden(
                "no authority is asked: the host is not running, or acme.names is empty",
            ));
        }
        self.commit(("certificate asked for", names.join(" ")), |_| Ok(()), |(), _| {}).await?;
        self.host.keeper.renew();
        Ok(Answer::Done)
    }
}

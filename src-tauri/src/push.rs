//! The one way from the cores to the window: a bounded queue of updates in their order. A window too slow for it holds
//! back whoever reads a core's events, and the core then says that some were lost. It refuses to keep what nobody
//! listens to: who comes later reads a snapshot.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::view::UpdateView;

/// How many updates wait for the window; enough for the burst of a reconnect.
const WAITING: usize = 256;

/// Takes an update, or says that nobody is there any more.
type Listener = Arc<dyn Fn(UpdateView) -> bool + Send + Sync>;

/// Where updates go. Clones lead to the same window.
#[derive(Clone)]
pub(crate) struct Push {
    queue: mpsc::Sender<UpdateView>,
    ear: Arc<Mutex<Ear>>,
}

#[derive(Default)]
struct Ear {
    listener: Option<Listener>,
    link: Option<String>,
}

impl Push {
    /// Starts carrying. Must be called within a runtime.
    pub(crate) fn new() -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        let ear = Arc::default();
        tokio::spawn(carry(waiting, Arc::clone(&ear)));
        Self { queue, ear }
    }

    /// From now on updates go to `listener` alone. A link that came before is the first of them.
    pub(crate) fn listen(&self, listener: impl Fn(UpdateView) -> bool + Send + Sync + 'static) {
        let mut ear = self.ear();
        if let Some(text) = ear.link.take() {
            listener(UpdateView::Link { text });
        }
        ear.listener = Some(Arc::new(listener));
    }

    /// Queues an update, waiting while the queue is full.
    pub(crate) async fn send(&self, update: UpdateView) {
        // The carrier ends only with the runtime.
        let _ = self.queue.send(update).await;
    }

    /// A link was opened. The newest one waits for the window if need be.
    pub(crate) fn link(&self, text: String) {
        let mut ear = self.ear();
        match &ear.listener {
            Some(listener) => drop(listener(UpdateView::Link { text })),
            None => ear.link = Some(text),
        }
    }

    fn ear(&self) -> std::sync::MutexGuard<'_, Ear> {
        self.ear.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn carry(mut waiting: mpsc::Receiver<UpdateView>, ear: Arc<Mutex<Ear>>) {
    while let Some(update) = waiting.recv().await {
        let listener = ear.lock().unwrap_or_else(PoisonError::into_inner).listener.clone();
        if listener.is_some_and(|listener| !listener(update)) {
            tracing::debug!("the window did not take an update");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn heard(ear: &mut mpsc::UnboundedReceiver<UpdateView>) -> UpdateView {
        tokio::time::timeout(Duration::from_secs(30), ear.recv()).await.unwrap().unwrap()
    }

    fn listen(push: &Push) -> mpsc::UnboundedReceiver<UpdateView> {
        let (mouth, ear) = mpsc::unbounded_channel();
        push.listen(move |update| mouth.send(update).is_ok());
        ear
    }

    #[tokio::test]
    async fn updates_keep_their_order() {
        let push = Push::new();
        let mut ear = listen(&push);
        for n in 0..2 * WAITING {
            push.send(UpdateView::Link { text: n.to_string() }).await;
        }
        for n in 0..2 * WAITING {
            assert!(matches!(heard(&mut ear).await, UpdateView::Link { text } if text == n.to_string()));
        }
    }

    #[tokio::test]
    async fn a_link_waits_for_the_window() {
        let push = Push::new();
        push.link("hearth://join/1".into());
        push.link("hearth://join/2".into());
        let mut ear = listen(&push);
        assert!(matches!(heard(&mut ear).await, UpdateView::Link { text } if text == "hearth://join/2"));
        push.link("hearth://join/3".into());
        assert!(matches!(heard(&mut ear).await, UpdateView::Link { text } if text == "hearth://join/3"));
    }
}

//! What waits, who is here and who got what, as a client shows it.

use std::time::Duration;

use protocol::{Availability, Seq};

use crate::stage::{Stage, bounded, delivered, general, live, post};

#[tokio::test(flavor = "multi_thread")]
async fn the_badge_counts_what_others_said_and_is_right_after_a_return() {
    let stage = Stage::new();
    let server = stage.host().await;
    let ((_a, alice), (bobs, bob)) = stage.alice_and_bob(&server).await;
    let room = general(&alice).await;
    let mut events = bob.subscribe();
    post(&alice, room, "one").await;
    post(&alice, room, "two, @bob").await;
    while bob.badge().await.unwrap() != (2, 1) {
        bounded("the badge", events.next()).await.unwrap();
    }
    let head = bob.rooms().await.unwrap()[0].head;
    assert_eq!(bob.mark(room, head, false).await.unwrap().unread, 0);
    while bob.badge().await.unwrap() != (0, 0) {
        bounded("the badge", events.next()).await.unwrap();
    }
    bobs.stop().await;
    drop(bob);
    post(&alice, room, "three").await;
    let last = alice.send(room, "four").await.unwrap();
    delivered(&alice, last).await;
    let bobs = stage.profile("bob").await;
    let bob = bobs.start().await.unwrap().remove(0);
    live(&bob).await;
    assert_eq!(bob.badge().await.unwrap(), (2, 0));
    // Bob's device says in a while that it keeps them.
    let told = async {
        while alice.delivered(room, last).await.unwrap() != (1, 1) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    bounded("the device's word", told).await;
    assert_eq!(bob.resolve(last).await.unwrap().0, room);
    assert!(bob.mark(room, Seq::ZERO, true).await.unwrap().unread >= 4);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_one_is_to_be_reached_is_said_again_after_a_return() {
    let stage = Stage::new();
    let server = stage.host().await;
    let address = server.local_addr();
    let ((_a, alice), (_b, bob)) = stage.alice_and_bob(&server).await;
    let me = bob.me().unwrap().id;
    bob.set_presence(Availability::DoNotDisturb, None).await.unwrap();
    server.stop().await;
    let mut events = alice.subscribe();
    let server = stage.host_at("studio", address).await;
    live(&alice).await;
    live(&bob).await;
    loop {
        let members = alice.members().await.unwrap();
        let known = members.into_iter().find(|member| member.id == me).unwrap();
        if known.online && known.availability == Availability::DoNotDisturb {
            break;
        }
        bounded("the presence", events.next()).await.unwrap();
    }
    server.stop().await;
}

use protocol::{MemberId, Request, RoomId};
use uuid::Uuid;

use super::*;

fn payer(number: u8, member: Option<u128>) -> Payer {
    let address = std::net::IpAddr::from([203, 0, 113, number]);
    Payer { source: address.into(), member: member.map(|number| MemberId(Uuid::from_u128(number))) }
}

/// What nothing but the named limits bounds.
fn only(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits {
        frames_per_second: 0,
        bytes_per_second: 0,
        member_frames_per_second: 0,
        member_bytes_per_second: 0,
        address_frames_per_second: 0,
        address_bytes_per_second: 0,
        stranger_frames_per_second: 0,
        stranger_bytes_per_second: 0,
        ..Limits::default()
    };
    change(&mut limits);
    limits
}

/// Asks with a fresh connection each time, until it is refused.
fn asked(budgets: &Budgets, limits: &Limits, payers: &[Payer], request: &Request, bytes: usize) -> usize {
    let now = Instant::now();
    (0..100_000)
        .take_while(|count| {
            let payer = payers[count % payers.len()];
            budgets.spend(limits, (&mut Budget::new(now), payer), (request, bytes), now).is_ok()
        })
        .count()
}

#[test]
fn a_member_has_one_budget_over_all_connections_and_addresses() {
    let limits = only(|limits| limits.member_frames_per_second = 2);
    let devices = [payer(1, Some(1)), payer(2, Some(1))];
    assert_eq!(asked(&Budgets::default(), &limits, &devices, &Request::Ping, 10), 20);
    let limits = only(|limits| limits.member_bytes_per_second = 100);
    assert_eq!(asked(&Budgets::default(), &limits, &devices, &Request::Ping, 100), 10);
}

#[test]
fn an_address_has_one_budget_over_all_members_and_another_before_sign_in() {
    let limits = only(|limits| limits.address_frames_per_second = 3);
    let members = [payer(1, Some(1)), payer(1, Some(2))];
    assert_eq!(asked(&Budgets::default(), &limits, &members, &Request::Ping, 10), 30);
    let limits = only(|limits| limits.stranger_frames_per_second = 1);
    let budgets = Budgets::default();
    assert_eq!(asked(&budgets, &limits, &[payer(1, None)], &Request::Ping, 10), 10);
    let now = Instant::now();
    let mut budget = Budget::new(now);
    assert_eq!(budgets.spend(&limits, (&mut budget, members[0]), (&Request::Ping, 1), now), Ok(()));
}

#[test]
fn dear_requests_have_a_budget_of_their_own() {
    let room = RoomId(Uuid::nil());
    let page = Request::History { room, before: None, after: None, limit: 1 };
    let limits = only(|limits| limits.pages_per_minute = 7);
    let budgets = Budgets::default();
    assert_eq!(asked(&budgets, &limits, &[payer(1, Some(1))], &page, 10), 7);
    assert_eq!(asked(&budgets, &limits, &[payer(1, Some(2))], &page, 10), 7, "another member has their own");
    let now = Instant::now();
    let mut budget = Budget::new(now);
    assert_eq!(budgets.spend(&limits, (&mut budget, payer(1, Some(1))), (&Request::Ping, 10), now), Ok(()));
}

#[test]
fn what_is_refused_costs_nothing_and_the_time_to_wait_is_true() {
    let limits = only(|limits| {
        limits.frames_per_second = 1;
        limits.searches_per_minute = 60;
    });
    let (budgets, now, who) = (Budgets::default(), Instant::now(), payer(1, Some(1)));
    let mut budget = Budget::new(now);
    while budgets.spend(&limits, (&mut budget, who), (&Request::Ping, 10), now).is_ok() {}
    for _ in 0..100 {
        let Err(Overdrawn::Wait(wait)) =
            budgets.spend(&limits, (&mut budget, who), (&Request::Ping, 10), now)
        else {
            panic!("it was taken")
        };
        assert_eq!(wait, Duration::from_secs(1));
    }
    let then = now + Duration::from_secs(1);
    assert_eq!(budgets.spend(&limits, (&mut budget, who), (&Request::Ping, 10), then), Ok(()));
}

#[test]
fn whoever_never_waits_is_abusive_and_whoever_waits_is_not() {
    let limits = only(|limits| limits.frames_per_second = 1);
    let (budgets, start, who) = (Budgets::default(), Instant::now(), payer(1, Some(1)));
    let mut budget = Budget::new(start);
    // A little is let through all the time; that does not make it any better.
    let steady = (0..10_000u32).find(|step| {
        let now = start + Duration::from_millis(u64::from(*step) * 50);
        let answer = budgets.spend(&limits, (&mut budget, who), (&Request::Ping, 10), now);
        answer == Err(Overdrawn::Abusive)
    });
    assert!(steady.is_some());
    let (mut budget, mut now) = (Budget::new(start), start);
    for _ in 0..1000 {
        match budgets.spend(&limits, (&mut budget, who), (&Request::Ping, 10), now) {
            Ok(()) => {}
            Err(Overdrawn::Wait(wait)) => now += wait,
            Err(Overdrawn::Abusive) => panic!("it waited every time"),
        }
    }
}

#[test]
fn whoever_was_sent_away_may_come_back_later() {
    let (budgets, now) = (Budgets::default(), Instant::now());
    let limits = only(|limits| limits.exile_seconds = 5);
    let who = Exiled::Source(payer(1, None).source);
    budgets.send_away(&limits, who, now);
    assert_eq!(budgets.may_come(who, now), Err(Duration::from_secs(5)));
    assert_eq!(budgets.may_come(who, now + Duration::from_secs(5)), Ok(()));
    assert_eq!(budgets.may_come(Exiled::Source(payer(2, None).source), now), Ok(()));
}

#[test]
fn frames_that_ask_nothing_are_counted_by_themselves() {
    let now = Instant::now();
    let limits = only(|limits| limits.frames_per_second = 10);
    let (budgets, mut budget) = (Budgets::default(), Budget::new(now));
    assert!(budget.listen(&limits, 100, now));
    assert!(!budget.listen(&limits, 1, now));
    let asked = budgets.spend(&limits, (&mut budget, payer(1, None)), (&Request::Ping, 10), now);
    assert_eq!(asked, Ok(()), "requests have their own");
    assert!(Budget::new(now).listen(&only(|_| {}), u32::MAX, now));
}

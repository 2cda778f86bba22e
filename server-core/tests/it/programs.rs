//! Hooks and bots: programs that post, and what they may not.

use protocol::{Change, ErrorCode, Reply, Request, Visibility};
use server_core::admin::{Answer, Command};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{World, soon};

/// An answer over HTTP: status and body.
pub(crate) async fn call(world: &World, head: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
    let mut socket = TcpStream::connect(world.address()).await.unwrap();
    let more = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>();
    let (address, length) = (world.address(), body.len());
    let request = format!(
        "{head} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{more}\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    // A body that is refused early may not be taken to its end.
    let _ = socket.write_all(body).await;
    let mut answer = Vec::new();
    let _ = soon(socket.read_to_end(&mut answer)).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

pub(crate) async fn hook(world: &World, room: &str) -> (uuid::Uuid, String, String) {
    let created = world.server.administer(Command::CreateHook { name: "CI".into(), room: room.into() }).await;
    match created.unwrap() {
        Answer::HookCreated { id, url, signing_key } => {
            let path = url.0.split_once("/hooks/").unwrap().1;
            (id, format!("/hooks/{path}"), signing_key.0)
        }
        other => panic!("no hook: {other:?}"),
    }
}

pub(crate) async fn bot(world: &World, name: &str, room: &str) -> String {
    let created = Command::CreateBot { name: name.into(), rooms: vec![room.into()] };
    match world.server.administer(created).await.unwrap() {
        Answer::BotCreated { token, .. } => format!("Bearer {}", token.0),
        other => panic!("no bot: {other:?}"),
    }
}

fn posted(reply: Reply) -> Option<String> {
    match reply {
        Reply::Event { event } => match event.change {
            Change::Posted(posted) => Some(posted.text.0),
            _ => None,
        },
        _ => None,
    }
}

#[tokio::test]
async fn a_hook_posts_into_its_room_until_it_is_revoked() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (id, path, _) = hook(&world, "general").await;
    let said =
        call(&world, &format!("POST {path}"), &[], br#"{"text":"green <https://ci.example.org|7>"}"#).await;
    assert_eq!(said, (200, "ok".into()));
    assert_eq!(alice.hears(posted).await, "green [7](https://ci.example.org)");
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let body = b"payload=%7B%22text%22%3A%22by+form%22%7D";
    assert_eq!(call(&world, &format!("POST {path}/slack"), &form, body).await.0, 200);
    assert_eq!(alice.hears(posted).await, "by form");
    let alert = br#"{"alerts":[{"status":"firing","labels":{"alertname":"DiskFull"}}]}"#;
    assert_eq!(call(&world, &format!("POST {path}/alertmanager"), &[], alert).await.0, 200);
    assert_eq!(alice.hears(posted).await, "FIRING **DiskFull**");

    let null = br#"{"text":"*red*","username":null,"attachments":null,"blocks":null}"#;
    assert_eq!(call(&world, &format!("POST {path}"), &[], null).await.0, 200);
    assert_eq!(alice.hears(posted).await, "**red**");

    for (body, status) in [(&b"not json"[..], 400), (br#"{"text":" "}"#, 400), (b"{}", 400), (b"", 400)] {
        assert_eq!(call(&world, &format!("POST {path}"), &[], body).await.0, status);
    }
    assert_eq!(call(&world, &format!("POST {path}"), &[], &vec![b'x'; 300 * 1024]).await.0, 413);
    assert_eq!(call(&world, &format!("GET {path}"), &[], b"").await.0, 405);
    world.server.administer(Command::RevokeHook { hook: id }).await.unwrap();
    let gone = call(&world, &format!("POST {path}"), &[], br#"{"text":"late"}"#).await;
    let never = call(&world, "POST /hooks/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &[], b"{}").await;
    assert_eq!(gone.0, 404);
    assert_eq!(gone, never, "a hook that was and one that never was look the same");
    for path in ["/hooks/%ff", &format!("{path}/github"), &path] {
        let much = call(&world, &format!("POST {path}"), &[], &vec![b'x'; 300 * 1024]).await;
        assert_eq!(much, never, "nobody's body is looked at");
    }
}

#[tokio::test]
async fn a_hook_takes_bodies_as_large_as_the_operator_says() {
    let world = World::start_with(|config| config.limits.hook_bytes = 100).await;
    let (_alice, _) = world.alice().await;
    let (_, path, _) = hook(&world, "general").await;
    let body = |letters: usize| format!(r#"{{"text":"{}"}}"#, "x".repeat(letters)).into_bytes();
    assert_eq!(call(&world, &format!("POST {path}"), &[], &body(89)).await.0, 200);
    let (status, said) = call(&world, &format!("POST {path}"), &[], &body(90)).await;
    assert_eq!(status, 413);
    assert!(said.contains("at most 100 bytes"), "{said}");
}

#[tokio::test]
async fn where_programs_are_spoken_to_nothing_else_answers() {
    let world = World::start().await;
    for (head, status) in [
        ("GET /api/v1/nothing", 404),
        ("POST /hooks/x/other", 404),
        ("GET /files/x", 404),
        ("GET /metrics", 404),
        ("DELETE /livez", 405),
        ("PUT /", 405),
        ("GET /hooks/x", 405),
        ("GET /ws", 400),
        ("GET /moved", 404),
    ] {
        let (is, said) = call(&world, head, &[], b"").await;
        let said: serde_json::Value =
            serde_json::from_str(&said).unwrap_or_else(|_| panic!("{head}: {said}"));
        assert_eq!(is, status, "{head}");
        for field in ["code", "message", "request_id"] {
            assert!(said["error"][field].is_string(), "{head}: {said}");
        }
    }
}

#[tokio::test]
async fn github_is_heard_only_with_its_signature() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (_, path, key) = hook(&world, "#General").await;
    let body = br#"{"action":"opened","sender":{"login":"bob"},"repository":{"full_name":"studio/site"},"issue":{"number":4,"title":"It burns"}}"#;
    let signing = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes());
    let digits = ring::hmac::sign(&signing, body)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    let signature = format!("sha256={digits}");
    let event = ("X-GitHub-Event", "issues");
    let head = format!("POST {path}/github");
    let signed = [event, ("X-Hub-Signature-256", signature.as_str())];
    assert_eq!(call(&world, &head, &signed, body).await.0, 200);
    assert_eq!(alice.hears(posted).await, "bob opened issue #4 It burns in studio/site");
    assert_eq!(call(&world, &head, &[event], body).await.0, 403);
    let form = b"payload=%7B%22zen%22%3A%22x%22%2C%22repository%22%3A%7B%22full_name%22%3A%22s%22%7D%7D";
    let digits = ring::hmac::sign(&signing, form)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    let signed_form = [
        ("X-GitHub-Event", "ping"),
        ("X-Hub-Signature-256", &*format!("sha256={digits}")),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    assert_eq!(call(&world, &head, &signed_form, form).await.0, 200);
    assert_eq!(alice.hears(posted).await, "GitHub will report on s");
    assert_eq!(call(&world, &head, &signed, br#"{"action":"closed"}"#).await.0, 403);
}

#[tokio::test]
async fn a_bot_reads_posts_and_edits_where_it_is_and_nowhere_else() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let secret = alice.create_room("secret", Visibility::Private).await;
    let general = me.rooms[0].id;
    alice.post(general, "good morning").await;
    alice.hears(posted).await;
    let token = bot(&world, "Butler", "general").await;
    let auth = [("Authorization", token.as_str()), ("Content-Type", "application/json")];

    let (status, rooms) = call(&world, "GET /api/v1/rooms", &auth, b"").await;
    assert_eq!(status, 200);
    assert!(rooms.contains("general") && !rooms.contains("secret"), "{rooms}");
    let (_, history) =
        call(&world, &format!("GET /api/v1/rooms/{general}/events?limit=50"), &auth, b"").await;
    assert!(history.contains("good morning"), "{history}");

    let post = format!("POST /api/v1/rooms/{general}/messages");
    let (status, answer) = call(&world, &post, &auth, br#"{"text":"at your service"}"#).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(alice.hears(posted).await, "at your service");
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let message = answer["message"].as_str().unwrap();
    let again = serde_json::json!({ "text": "at your service", "message": message }).to_string();
    let (status, second) = call(&world, &post, &auth, again.as_bytes()).await;
    assert_eq!((status, serde_json::from_str::<serde_json::Value>(&second).unwrap()), (201, answer.clone()));
    let edit = format!("PUT /api/v1/rooms/{general}/messages/{message}");
    assert_eq!(call(&world, &edit, &auth, br#"{"text":"at your command"}"#).await.0, 204);

    let hidden = call(&world, &format!("GET /api/v1/rooms/{}/events", secret.id), &auth, b"").await;
    let nowhere = format!("GET /api/v1/rooms/{}/events", uuid::Uuid::nil());
    let unknown = call(&world, &nowhere, &auth, b"").await;
    assert_eq!((hidden.0, unknown.0), (404, 404));
    assert!(hidden.1.contains("\"code\":\"not_found\"") && hidden.1.contains("request_id"), "{}", hidden.1);
    for (head, body) in
        [(post.as_str(), &b"{}"[..]), (&post, b"x"), (&nowhere.replace("events", "events?limit=x"), b"")]
    {
        let (status, answer) = call(&world, head, &auth, body).await;
        assert!(matches!(status, 400 | 404), "{head}: {status} {answer}");
        assert!(answer.contains("\"error\""), "{answer}");
    }
}

/// The paths of the API and their methods, as its document names them.
fn documented() -> Vec<(String, String)> {
    let (mut found, mut path) = (Vec::new(), String::new());
    for line in include_str!("../../../docs/openapi.yaml").lines() {
        let name = line.trim().trim_end_matches(':');
        if line.starts_with("  /") {
            path = name.to_owned();
        } else if ["get", "post", "put", "patch", "delete"].contains(&name) {
            found.push((name.to_uppercase(), path.clone()));
        }
    }
    found
}

#[tokio::test]
async fn every_path_of_the_apis_document_is_there_and_takes_its_methods_only() {
    let world = World::start().await;
    let (_alice, me) = world.alice().await;
    let token = bot(&world, "Butler", "general").await;
    let documented = documented();
    assert_eq!(documented.len(), 4, "{documented:?}");
    for (_, path) in &documented {
        let real = path.replace("{room}", &me.rooms[0].id.to_string()).replace("{message}", "none");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let head = format!("{method} /api/v1{real}");
            let (status, said) = call(&world, &head, &[("Authorization", &token)], b"").await;
            let is_there = documented.iter().any(|(other, at)| other == method && at == path);
            assert_eq!(status == 405, !is_there, "{head}: {status} {said}");
            assert!(!said.contains("no such path"), "{head}: {said}");
        }
    }
}

#[tokio::test]
async fn without_a_bots_token_the_api_says_nothing() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let token = bot(&world, "Butler", "general").await;
    let session = format!("Bearer {}", me.token.unwrap().0);
    for header in [None, Some("Bearer x"), Some(session.as_str()), Some("Basic QQ==")] {
        let headers = header.map(|value| vec![("Authorization", value)]).unwrap_or_default();
        let (status, answer) = call(&world, "GET /api/v1/rooms", &headers, b"").await;
        assert_eq!(status, 401, "{answer}");
    }
    assert_eq!(call(&world, "GET /api/v1/rooms", &[("Authorization", &token)], b"").await.0, 200);
    world.server.administer(Command::RevokeBot { name: "butler".into() }).await.unwrap();
    assert_eq!(call(&world, "GET /api/v1/rooms", &[("Authorization", &token)], b"").await.0, 401);
    assert_eq!(alice.ask(Request::Ping).await.unwrap(), Reply::Pong);
}

#[tokio::test]
async fn a_program_stays_a_guest_whom_nobody_signs_in_as() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (_, path, _) = hook(&world, "general").await;
    bot(&world, "Butler", "general").await;
    for name in ["CI", "Butler"] {
        for role in [protocol::Role::Member, protocol::Role::Admin, protocol::Role::Owner] {
            let refused = world.server.administer(Command::SetRole { name: name.into(), role }).await;
            assert_eq!(refused.unwrap_err().code, ErrorCode::Forbidden, "{name} {role:?}");
        }
        let reset = Command::ResetPassword { name: name.into(), password: None };
        assert_eq!(world.server.administer(reset).await.unwrap_err().code, ErrorCode::Forbidden);
    }
    let Reply::Members { members, .. } = alice.ask(Request::Members { after: None }).await.unwrap() else {
        panic!("no members")
    };
    for member in members.iter().filter(|member| member.name != "alice") {
        let promoted = Request::SetRole { member: member.id, role: protocol::Role::Admin };
        assert_eq!(alice.refused(promoted).await, ErrorCode::Forbidden, "{}", member.name);
    }
    world
        .server
        .administer(Command::SetRole { name: "CI".into(), role: protocol::Role::Guest })
        .await
        .unwrap();
    assert_eq!(call(&world, &format!("POST {path}"), &[], br#"{"text":"still here"}"#).await.0, 200);
}

#[tokio::test]
async fn a_program_that_talks_too_much_is_told_to_wait() {
    let world = World::start().await;
    let (_alice, _) = world.alice().await;
    let token = bot(&world, "Butler", "general").await;
    let mut last = (0, String::new());
    for _ in 0..400 {
        last = call(&world, "GET /api/v1/rooms", &[("Authorization", &token)], b"").await;
        if last.0 == 429 {
            break;
        }
    }
    assert_eq!(last.0, 429);
    assert!(last.1.contains("rate_limited"));
}

#[tokio::test]
async fn who_runs_a_room_makes_and_ends_its_hooks_and_nobody_elses() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let room = bob.create_room("builds", Visibility::Public).await.id;
    let other = alice.create_room("other", Visibility::Public).await.id;
    let made = bob.ask(Request::CreateHook { room, name: "CI".into() }).await.unwrap();
    let Reply::HookCreated { hook, path, signing_key } = made else { panic!("no hook: {made:?}") };
    let json = [("Content-Type", "application/json")];
    let post = format!("POST {}", path.0);
    assert_eq!(call(&world, &post, &json, br#"{"text":"it builds"}"#).await.0, 200);
    assert_eq!(bob.hears(posted).await, "it builds");

    let listed = bob.ask(Request::Hooks { room }).await.unwrap();
    let said = protocol::encode(&protocol::ServerFrame { req: None, reply: listed.clone() });
    assert!(!said.contains(&signing_key.0) && !said.contains(&path.0["/hooks/".len()..]), "{said}");
    assert_eq!(listed, Reply::Hooks { hooks: vec![hook.clone()] });

    let foreign = Request::RevokeHook { room: other, hook: hook.id };
    assert_eq!(alice.refused(foreign).await, ErrorCode::NotFound);
    assert_eq!(call(&world, &post, &json, br#"{"text":"it still builds"}"#).await.0, 200);
    bob.ask(Request::RevokeHook { room, hook: hook.id }).await.unwrap();
    assert_eq!(call(&world, &post, &json, br#"{"text":"gone"}"#).await.0, 404);
    assert_eq!(bob.refused(Request::RevokeHook { room, hook: hook.id }).await, ErrorCode::NotFound);

    let url = protocol::Secret("https://user:password@example.org/".into());
    assert_eq!(bob.refused(Request::CreateReport { room, url }).await, ErrorCode::OutOfBounds);
    let url = protocol::Secret("https://example.org/very-secret".into());
    let made = bob.ask(Request::CreateReport { room, url }).await.unwrap();
    let Reply::ReportCreated { report, .. } = made else { panic!("no report: {made:?}") };
    assert_eq!(report.to, "example.org");
    bob.ask(Request::ResumeReport { room, report: report.id }).await.unwrap();
    let foreign = Request::RevokeReport { room: other, report: report.id };
    assert_eq!(alice.refused(foreign).await, ErrorCode::NotFound);
    bob.ask(Request::RevokeReport { room, report: report.id }).await.unwrap();
    assert_eq!(bob.ask(Request::Reports { room }).await.unwrap(), Reply::Reports { reports: vec![] });

    let Answer::Audit { acts } = world.server.administer(Command::Audit { limit: 100 }).await.unwrap() else {
        panic!("no audit")
    };
    for act in ["hook made", "hook revoked", "report made", "report resumed", "report revoked"] {
        assert!(acts.iter().any(|entry| entry.act == act && entry.by.is_some()), "{act}: {acts:?}");
    }
    assert!(!format!("{acts:?}").contains("very-secret"));
}

#[tokio::test]
async fn those_who_run_the_host_make_bots_where_they_may_bring_others() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let secret = bob.create_room("bob's own", Visibility::Private).await.id;
    let general = me.rooms[0].id;
    let make = |rooms: Vec<protocol::RoomId>| Request::CreateBot { name: "Butler".into(), rooms };
    assert_eq!(bob.refused(make(vec![general])).await, ErrorCode::Forbidden);
    assert_eq!(alice.refused(make(vec![])).await, ErrorCode::OutOfBounds);
    assert_eq!(alice.refused(make(vec![general, secret])).await, ErrorCode::NotFound);
    let Reply::BotCreated { bot, token } = alice.ask(make(vec![general, general])).await.unwrap() else {
        panic!("no bot")
    };
    let token = format!("Bearer {}", token.0);
    assert_eq!(call(&world, "GET /api/v1/rooms", &[("Authorization", &token)], b"").await.0, 200);
    assert_eq!(alice.ask(Request::Bots).await.unwrap(), Reply::Bots { bots: vec![bot.clone()] });
    assert_eq!(bob.refused(Request::RevokeBot { member: bot.member }).await, ErrorCode::Forbidden);
    alice.ask(Request::RevokeBot { member: bot.member }).await.unwrap();
    assert_eq!(call(&world, "GET /api/v1/rooms", &[("Authorization", &token)], b"").await.0, 401);
    assert_eq!(alice.refused(Request::RevokeBot { member: bot.member }).await, ErrorCode::NotFound);
}

#[tokio::test]
async fn who_runs_a_room_says_for_how_long_it_keeps_what_is_said() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let room = me.rooms[0].id;
    let kept = |days| Reply::Retention { room, days };
    assert_eq!(bob.ask(Request::Retention { room }).await.unwrap(), kept(None));
    assert_eq!(bob.refused(Request::SetRetention { room, days: Some(1) }).await, ErrorCode::Forbidden);
    for days in [0, 36_526, u32::MAX] {
        assert_eq!(
            alice.refused(Request::SetRetention { room, days: Some(days) }).await,
            ErrorCode::OutOfBounds
        );
    }
    assert_eq!(alice.ask(Request::SetRetention { room, days: Some(90) }).await.unwrap(), kept(Some(90)));
    assert_eq!(bob.ask(Request::Retention { room }).await.unwrap(), kept(Some(90)));
    alice.ask(Request::SetRetention { room, days: None }).await.unwrap();
    assert_eq!(bob.ask(Request::Retention { room }).await.unwrap(), kept(None));
}

#[tokio::test]
async fn no_program_is_brought_into_a_direct_room() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (_bob, bobs) = world.invited(&mut alice, "bob").await;
    let open = Request::OpenDirect { members: vec![bobs.member.id] };
    let Reply::Room { room } = alice.ask(open).await.unwrap() else { panic!("no room") };
    let made = Command::CreateHook { name: "CI".into(), room: room.id.to_string() };
    assert_eq!(world.server.administer(made).await.unwrap_err().code, ErrorCode::Forbidden);
    let request = Request::CreateHook { room: room.id, name: "CI".into() };
    assert_eq!(alice.refused(request).await, ErrorCode::Forbidden);
}

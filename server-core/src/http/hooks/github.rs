//! GitHub's events, whose signature is checked over the body as it came.

use ring::hmac;
use serde_json::Value;

use super::text::{bold, code, first_line, link};

/// Commits listed of one push.
const COMMITS: usize = 10;

/// Whether `header` signs `body` with `key`.
pub(super) fn is_signed(key: &str, header: &str, body: &[u8]) -> bool {
    let Some(digits) = header.strip_prefix("sha256=") else { return false };
    let Some(signature) = unhex(digits) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    // Takes the same time wherever they differ.
    hmac::verify(&key, body, &signature).is_ok()
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let byte =
        |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    digits.chunks_exact(2).map(byte).collect()
}

/// What an event says to people; `None` if nothing. Told is what moves work on, not every touch of a label.
pub(super) fn read(event: &str, payload: &Value) -> Option<String> {
    let text = |path: &str| payload.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let action = text("/action");
    let repository = link(text("/repository/full_name"), text("/repository/html_url"));
    let who = first_line(text("/sender/login"));
    // Hooks of a whole organization have a repository in all but their first event.
    let whole =
        [repository.as_str(), text("/organization/login")].into_iter().find(|name| !name.is_empty())?;
    let titled = |object: &str| {
        let number = payload.pointer(&format!("/{object}/number")).and_then(Value::as_u64)?;
        let label = format!("#{number} {}", text(&format!("/{object}/title")));
        Some(link(&label, text(&format!("/{object}/html_url"))))
    };
    Some(match event {
        "ping" => format!("GitHub will report on {whole}"),
        "push" => push(payload, who, &repository)?,
        "pull_request" => {
            let merged = payload.pointer("/pull_request/merged") == Some(&Value::Bool(true));
            let (did, of_it) = changed(action, merged)?;
            format!("{who} {did} pull request {} in {repository}{of_it}", titled("pull_request")?)
        }
        "pull_request_review" if action == "submitted" => {
            let state = text("/review/state").replace('_', " ");
            format!("{who} reviewed {} in {repository}: {state}", titled("pull_request")?)
        }
        "issues" => {
            let (did, of_it) = changed(action, false)?;
            format!("{who} {did} issue {} in {repository}{of_it}", titled("issue")?)
        }
        "issue_comment" if action == "created" => {
            let comment = link(first_line(text("/comment/body")), text("/comment/html_url"));
            format!("{who} commented on {} in {repository}\n> {comment}", titled("issue")?)
        }
        "release" if action == "published" => {
            let name = link(text("/release/tag_name"), text("/release/html_url"));
            format!("{who} released {name} of {repository}")
        }
        "workflow_run" if action == "completed" => {
            let run = link(text("/workflow_run/name"), text("/workflow_run/html_url"));
            let branch = code(text("/workflow_run/head_branch"));
            format!("{run} on {branch} of {repository}: {}", bold(text("/workflow_run/conclusion")))
        }
        "create" | "delete" => {
            format!("{who} {event}d {} {} in {repository}", first_line(text("/ref_type")), code(text("/ref")))
        }
        _ => return None,
    })
}

/// What was done to an issue or a pull request, as the verb and what stands at the end; `None` for small touches.
fn changed(action: &str, merged: bool) -> Option<(&'static str, &'static str)> {
    Some(match action {
        "closed" if merged => ("merged", ""),
        "closed" => ("closed", ""),
        "opened" => ("opened", ""),
        "reopened" => ("reopened", ""),
        "ready_for_review" => ("marked", " as ready for review"),
        "converted_to_draft" => ("marked", " as a draft"),
        "synchronize" => ("pushed to", ""),
        "transferred" => ("transferred", ""),
        "deleted" => ("deleted", ""),
        _ => return None,
    })
}

fn push(payload: &Value, who: &str, repository: &str) -> Option<String> {
    let commits = payload.get("commits").and_then(Value::as_array).filter(|commits| !commits.is_empty())?;
    let reference = payload.get("ref").and_then(Value::as_str).unwrap_or_default();
    let branch = code(reference.strip_prefix("refs/heads/").unwrap_or(reference));
    let forced = payload.get("forced") == Some(&Value::Bool(true));
    let pushed = if forced { "force-pushed" } else { "pushed" };
    let mut lines = vec![format!("{who} {pushed} {} to {branch} of {repository}", commits.len())];
    for commit in commits.iter().take(COMMITS) {
        let text = |name: &str| commit.get(name).and_then(Value::as_str).unwrap_or_default();
        let short = text("id").chars().take(7).collect::<String>();
        lines.push(format!("- {} {}", link(&short, text("url")), first_line(text("message"))));
    }
    if commits.len() > COMMITS {
        lines.push(format!("- and {} more", commits.len() - COMMITS));
    }
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_holder_of_the_key_signs() {
        // The example of GitHub's documentation.
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert!(is_signed("It's a Secret to Everybody", signature, b"Hello, World!"));
        assert!(!is_signed("It's a Secret to Everybody", signature, b"Hello, World?"));
        assert!(!is_signed("another", signature, b"Hello, World!"));
        for bad in ["", "sha256=", "sha1=757107ea", &signature.replace('7', "é"), &signature[..70]] {
            assert!(!is_signed("It's a Secret to Everybody", bad, b"Hello, World!"), "{bad}");
        }
    }

    #[test]
    fn events_are_told_in_a_line_or_not_at_all() {
        let repository = json!({ "full_name": "studio/site", "html_url": "https://github.com/studio/site" });
        let push = json!({ "ref": "refs/heads/main", "repository": repository, "sender": { "login": "alice" },
            "commits": [{ "id": "0123456789", "url": "https://github.com/c/1", "message": "fix it\n\nlong" }] });
        assert_eq!(
            read("push", &push).unwrap(),
            "alice pushed 1 to `main` of [studio/site](https://github.com/studio/site)\n- [0123456](https://github.com/c/1) fix it"
        );
        let issue = json!({ "action": "opened", "repository": repository, "sender": { "login": "bob" },
            "issue": { "number": 4, "title": "It [burns]", "html_url": "https://github.com/i/4" } });
        assert_eq!(
            read("issues", &issue).unwrap(),
            "bob opened issue [#4 It (burns)](https://github.com/i/4) in [studio/site](https://github.com/studio/site)"
        );
        assert_eq!(read("star", &issue), None);
        for event in ["push", "pull_request", "release", "workflow_run", "issue_comment", "issues", "ping"] {
            for nothing in [json!({}), json!([1]), json!(null), json!({ "repository": repository })] {
                let said = read(event, &nothing);
                assert!(said.is_none() || event == "ping" || event == "release" || event == "workflow_run");
            }
        }
    }

    #[test]
    fn a_pull_request_is_told_where_it_moves_on() {
        let told = |action: &str, merged: bool| {
            let payload = json!({ "action": action, "repository": { "full_name": "studio/site" },
                "sender": { "login": "alice" }, "pull_request": { "number": 7, "title": "Add", "merged": merged } });
            read("pull_request", &payload)
        };
        for (action, merged, said) in [
            ("opened", false, "alice opened pull request #7 Add in studio/site"),
            ("closed", false, "alice closed pull request #7 Add in studio/site"),
            ("closed", true, "alice merged pull request #7 Add in studio/site"),
            ("synchronize", false, "alice pushed to pull request #7 Add in studio/site"),
            (
                "ready_for_review",
                false,
                "alice marked pull request #7 Add in studio/site as ready for review",
            ),
        ] {
            assert_eq!(told(action, merged).as_deref(), Some(said));
        }
        for (action, merged) in [("labeled", false), ("labeled", true), ("edited", false), ("", false)] {
            assert_eq!(told(action, merged), None, "{action}");
        }
    }

    #[test]
    fn a_large_push_says_how_much_it_leaves_out() {
        let commit = json!({ "id": "0123456789", "message": "one" });
        let push = json!({ "ref": "refs/heads/a`b", "forced": true, "repository": { "full_name": "s" },
            "sender": { "login": "alice" }, "commits": vec![commit; 12] });
        let said = read("push", &push).unwrap();
        assert!(said.starts_with("alice force-pushed 12 to `a'b` of s\n- 0123456 one\n"), "{said}");
        assert!(said.ends_with("\n- and 2 more"), "{said}");
    }

    #[test]
    fn the_first_event_of_an_organization_names_it() {
        let ping =
            json!({ "zen": "x", "organization": { "login": "studio" }, "sender": { "login": "alice" } });
        assert_eq!(read("ping", &ping).as_deref(), Some("GitHub will report on studio"));
    }

    /// The names that this and its neighbours look for.
    const NAMES: [&str; 24] = [
        "action",
        "repository",
        "full_name",
        "html_url",
        "sender",
        "login",
        "number",
        "title",
        "commits",
        "id",
        "url",
        "message",
        "ref",
        "ref_type",
        "pull_request",
        "merged",
        "review",
        "state",
        "issue",
        "comment",
        "body",
        "release",
        "workflow_run",
        "alerts",
    ];

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            Just(Value::from("created")),
        ];
        leaf.prop_recursive(4, 60, 8, |inner| {
            let names = prop::sample::select(&NAMES[..]).prop_map(str::to_owned);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(names, inner, 0..8)
                    .prop_map(|map| Value::from(map.into_iter().collect::<serde_json::Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_it_holds_an_event_is_told_or_passed_over(payload in any_json()) {
            let events = ["ping", "push", "pull_request", "pull_request_review", "issues", "issue_comment",
                "release", "workflow_run", "create", "delete", "star"];
            let said = events.iter().filter_map(|event| read(event, &payload));
            for text in said.chain([crate::http::hooks::alerts::read(&payload)]) {
                if let Some(text) = crate::http::hooks::text::fit(text, protocol::limits::TEXT_BYTES) {
                    protocol::limits::check_text(&text).unwrap();
                }
            }
        }

        #[test]
        fn no_header_but_the_right_one_signs(header in ".{0,90}", body in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert!(!is_signed("key", &header, &body));
        }
    }
}

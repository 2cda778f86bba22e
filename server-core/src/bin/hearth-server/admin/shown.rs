//! Answers as text for people: one line per thing, fields apart by two spaces.

use jiff::Timestamp;
use protocol::UnixMillis;
use server_core::admin::{Answer, Certificate};

/// The lines that say `answer`.
pub(crate) fn lines(answer: &Answer) -> Vec<String> {
    match answer {
        Answer::Done => vec!["done".to_owned()],
        Answer::Damage { rows } => rows.iter().map(|(table, rows)| format!("{table} {rows}")).collect(),
        Answer::Users { users } => table(
            &["NAME", "ROLE", "STANDING", "HERE", "ID"],
            users.iter().map(|user| {
                let here = yes(user.online).to_owned();
                [user.name.clone(), word(&user.role), word(&user.standing), here, user.id.to_string()]
            }),
        ),
        Answer::Password { name, password: None } => vec![format!("the password of {name} is set")],
        Answer::Password { name, password: Some(password) } => vec![
            format!("the password of {name}, shown this once; it should be changed after signing in:"),
            password.0.clone(),
        ],
        Answer::OwnerLink { name, link, web_link, expires_at } => vec![
            format!("lets whoever opens it in as {name}, once, until {}:", time(*expires_at)),
            format!("app      {}", link.0),
            format!("browser  {}", web_link.0),
        ],
        Answer::Sessions { devices } => table(
            &["DEVICE", "SINCE", "LAST SEEN", "FROM", "ID"],
            devices.iter().map(|device| {
                let (since, seen) = (time(device.since), time(device.last_seen));
                let from = device.address.clone().unwrap_or_default();
                [device.name.clone(), since, seen, from, device.id.to_string()]
            }),
        ),
        Answer::Rooms { rooms } => table(
            &["NAME", "FOUND BY", "MEMBERS", "EVENTS", "KEEPS", "ID"],
            rooms.iter().map(|room| {
                let counts = (room.members.to_string(), room.events.to_string());
                let keeps = room.days.map_or_else(|| "for good".to_owned(), |days| format!("{days} days"));
                [room.name.clone(), word(&room.visibility), counts.0, counts.1, keeps, room.id.to_string()]
            }),
        ),
        Answer::Invites { invites } => table(
            &["ROLE", "USES LEFT", "UNTIL", "ID"],
            invites.iter().map(|invite| {
                let uses = invite.uses_left.to_string();
                [word(&invite.role), uses, time(invite.expires_at), invite.id.to_string()]
            }),
        ),
        Answer::InviteCreated { id, link, web_link } => {
            vec![format!("invite   {id}"), format!("app      {}", link.0), format!("browser  {}", web_link.0)]
        }
        Answer::Hooks { hooks } => table(
            &["NAME", "ROOM", "ID"],
            hooks.iter().map(|hook| [hook.name.clone(), hook.room.clone(), hook.id.to_string()]),
        ),
        Answer::HookCreated { id, url, signing_key } => vec![
            format!("hook         {id}"),
            format!("address      {}", url.0),
            format!("signing key  {}", signing_key.0),
        ],
        Answer::Reports { reports } => table(
            &["TO", "OF", "SENT", "FAILURES", "ID", "PROBLEM"],
            reports.iter().map(|report| {
                let failures = match report.given_up {
                    true => format!("{}, given up", report.failures),
                    false => report.failures.to_string(),
                };
                let (sent, problem) = (report.sent.to_string(), report.problem.clone().unwrap_or_default());
                [report.to.clone(), report.room.clone(), sent, failures, report.id.to_string(), problem]
            }),
        ),
        Answer::ReportCreated { id, signing_key } => {
            vec![format!("report       {id}"), format!("signing key  {}", signing_key.0)]
        }
        Answer::Bots { bots } => {
            table(&["NAME", "ID"], bots.iter().map(|bot| [bot.name.clone(), bot.id.to_string()]))
        }
        Answer::BotCreated { id, token } => vec![format!("bot    {id}"), format!("token  {}", token.0)],
        Answer::Certificate(certificate) => certificate_lines(certificate),
        Answer::Stats(figures) => vec![
            format!("members   {} ({} here now)", figures.members, figures.online),
            format!("sessions  {}", figures.sessions),
            format!("rooms     {}", figures.rooms),
            format!("events    {}", figures.events),
            format!("database  {} KiB", figures.database_bytes / 1024),
        ],
        Answer::Audit { acts } => table(
            &["WHEN", "WHO", "WHAT", "TO"],
            acts.iter().map(|act| {
                let who = act.by.map_or_else(|| "operator".to_owned(), |by| by.to_string());
                [time(act.at), who, act.act.clone(), act.object.clone()]
            }),
        ),
        Answer::Backup { to, bytes, with_key } => {
            let mut lines = vec![format!("copied to {} ({} KiB)", to.display(), bytes / 1024)];
            lines.push(
                match with_key {
                    true => "the key that opens it is in it: keep it where only you can read it",
                    false => {
                        "the key that opens it is not in it: keep that apart, without it the copy is lost"
                    }
                }
                .to_owned(),
            );
            lines
        }
    }
}

fn certificate_lines(certificate: &Certificate) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(certificate.files_end_at.map(|ends| format!("from files, until     {}", time(ends))));
    if certificate.names.is_empty() {
        lines.push("no authority is asked (acme.names is empty, or the host is not running)".to_owned());
        return lines;
    }
    let until = certificate.ends_at.map_or_else(|| "there is none yet".to_owned(), time);
    let next = certificate.next_at.map_or_else(|| "now".to_owned(), time);
    lines.push(format!("names                 {}", certificate.names.join(" ")));
    lines.push(format!("from authority, until {until}"));
    lines.push(format!("the authority is asked again {next}"));
    if let Some(problem) = &certificate.problem {
        lines.push(format!("{} attempts failed; the last one because: {problem}", certificate.failures));
    }
    lines
}

fn table<const COLUMNS: usize>(
    head: &[&str; COLUMNS],
    rows: impl Iterator<Item = [String; COLUMNS]>,
) -> Vec<String> {
    let mut all = vec![head.map(str::to_owned)];
    all.extend(rows);
    let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = std::array::from_fn::<_, COLUMNS, _>(width);
    let line = |row: &[String; COLUMNS]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all.iter().map(line).collect()
}

/// A word of the protocol, as the protocol writes it.
fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn time(at: UnixMillis) -> String {
    Timestamp::from_millisecond(at.0)
        .map_or_else(|_| at.0.to_string(), |time| time.strftime("%F %TZ").to_string())
}

fn yes(here: bool) -> &'static str {
    if here { "yes" } else { "no" }
}

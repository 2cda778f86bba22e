//! Alertmanager's webhook (version 4), and Grafana's, which has the same shape with a title and a message.

use serde_json::Value;

use super::text::link;

/// Alerts listed of one group.
const ALERTS: usize = 20;

/// What alerts say to people.
pub(super) fn read(payload: &Value) -> String {
    let text = |path: &str| payload.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let alerts = payload.get("alerts").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut lines = Vec::new();
    if !text("/title").is_empty() {
        lines.push(format!("**{}**", link(text("/title"), text("/externalURL"))));
    }
    if alerts.is_empty() {
        lines.push(text("/message").to_owned());
    }
    for alert in alerts.iter().take(ALERTS) {
        let text = |path: &str| alert.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let state = if text("/status") == "resolved" { "resolved" } else { "FIRING" };
        let name = link(text("/labels/alertname"), text("/generatorURL"));
        let about =
            [text("/annotations/summary"), text("/annotations/description"), text("/labels/instance")];
        let about = about.into_iter().find(|about| !about.is_empty()).unwrap_or_default();
        lines.push(format!("{state} **{name}** {about}").trim_end().to_owned());
    }
    if alerts.len() > ALERTS {
        lines.push(format!("and {} more", alerts.len() - ALERTS));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_alert_is_a_line() {
        let payload = json!({ "version": "4", "status": "firing", "alerts": [
            { "status": "firing", "labels": { "alertname": "DiskFull" }, "annotations": { "summary": "3 % left" },
              "generatorURL": "https://prometheus.example.org/g" },
            { "status": "resolved", "labels": { "alertname": "Down", "instance": "db1" } },
        ] });
        assert_eq!(
            read(&payload),
            "FIRING **[DiskFull](https://prometheus.example.org/g)** 3 % left\nresolved **Down** db1"
        );
        assert_eq!(read(&json!({ "title": "Test", "message": "hello" })), "**Test**\nhello");
        assert_eq!(read(&json!(null)), "");
    }
}

//! Alertmanager's webhook (version 4), and Grafana's, which has the same shape with a title and a message.

use serde_json::Value;

use super::text::{first_line, strong};

/// Alerts listed of one group.
const ALERTS: usize = 20;

/// What alerts say to people.
pub(super) fn read(payload: &Value) -> String {
    let text = |path: &str| payload.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let alerts = payload.get("alerts").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let alerts = alerts.iter().filter(|alert| alert.is_object()).collect::<Vec<_>>();
    // The one of old Grafanas, which say each rule by itself.
    let address = [text("/externalURL"), text("/ruleUrl")].into_iter().find(|url| !url.is_empty());
    let mut lines = vec![strong(text("/title"), address.unwrap_or_default())];
    if alerts.is_empty() {
        lines.push(text("/message").to_owned());
    }
    lines.extend(alerts.iter().take(ALERTS).map(|alert| line(alert)));
    // The sender may have left out some of a large group already.
    let left_out = payload.get("truncatedAlerts").and_then(Value::as_u64).unwrap_or_default();
    let more = left_out.saturating_add(alerts.len().saturating_sub(ALERTS) as u64);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

fn line(alert: &Value) -> String {
    let text = |path: &str| alert.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let state = if text("/status") == "resolved" { "resolved" } else { "FIRING" };
    let name = Some(text("/labels/alertname")).filter(|name| !name.is_empty()).unwrap_or("an alert");
    let about = [text("/annotations/summary"), text("/annotations/description"), text("/labels/instance")];
    let about = about.into_iter().map(first_line).find(|about| !about.is_empty()).unwrap_or_default();
    format!("{state} {} {about}", strong(name, text("/generatorURL"))).trim_end().to_owned()
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
        let old = json!({ "title": "[Alerting] Temp", "message": "hot", "ruleUrl": "https://g.example/d" });
        assert_eq!(read(&old), "**[(Alerting) Temp](https://g.example/d)**\nhot");
        assert_eq!(read(&json!(null)), "");
    }

    #[test]
    fn what_is_missing_or_left_out_is_said_to_be() {
        let nameless =
            json!({ "status": "firing", "labels": null, "annotations": { "summary": "load\nis high" } });
        let payload = json!({ "truncatedAlerts": 3, "alerts": [null, nameless] });
        assert_eq!(read(&payload), "FIRING **an alert** load\nand 3 more");
        let many = json!({ "alerts": vec![nameless; 25] });
        assert!(read(&many).ends_with("\nand 5 more"));
    }
}

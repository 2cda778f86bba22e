//! JSON inside a form: how Slack's oldest senders and GitHub's default setting wrap it.

/// The field `payload` of a form.
pub(super) fn payload(body: &[u8]) -> Option<String> {
    let mut fields = url::form_urlencoded::parse(body);
    fields.find(|(name, _)| name == "payload").map(|(_, json)| json.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_its_json_in_one_field() {
        assert_eq!(payload(b"a=1&payload=%7B%22text%22%3A%22a+b%22%7D").unwrap(), r#"{"text":"a b"}"#);
        assert_eq!(payload(b"text=a"), None);
        assert_eq!(payload(b""), None);
    }
}

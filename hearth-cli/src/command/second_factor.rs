//! `password` and `second-factor`: by what I am known. What is secret is read from files, and shown once.

use std::path::Path;
use std::time::Duration;

use client_core::Client;
use protocol::Secret;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::json;

use super::connected;
use crate::arguments::{PasswordArguments, SecondFactorCommand};
use crate::failure::Failure;
use crate::opening::first_line;
use crate::output;

pub(super) async fn password(
    client: &Client,
    within: Duration,
    arguments: PasswordArguments,
) -> Result<(), Failure> {
    let new = secret(&arguments.new_password_file)?;
    let current = arguments.password_file.as_deref().map(secret).transpose()?;
    connected(client, within).await?;
    Ok(client.set_password(current, new).await?)
}

pub(super) async fn second_factor(
    client: &Client,
    within: Duration,
    command: SecondFactorCommand,
) -> Result<(), Failure> {
    connected(client, within).await?;
    match command {
        SecondFactorCommand::Status { json } => {
            let (on, left) = client.second_factor().await?;
            let missing = client.second_factor_missing();
            if json {
                return output::json(&json!({ "on": on, "recovery_codes": left, "missing": missing }));
            }
            output::line(&match (on, missing) {
                (true, _) => format!("on, {left} recovery codes left"),
                (false, true) => "off, and this host asks for one: hearth-cli second-factor begin".to_owned(),
                (false, false) => "off".to_owned(),
            })
        }
        SecondFactorCommand::Begin { password_file, json } => {
            let (typed, uri) = client.begin_second_factor(secret(&password_file)?).await?;
            if json {
                return output::json(&json!({ "secret": typed, "uri": uri }));
            }
            if let Ok(code) = QrCode::new(uri.0.as_bytes()) {
                output::line(&code.render::<Dense1x2>().build())?;
            }
            output::line(&uri.0)?;
            output::line("scan this with an authenticator; then: hearth-cli second-factor confirm CODE")
        }
        SecondFactorCommand::Confirm { code, json } => {
            show_codes(&client.confirm_second_factor(Secret(code)).await?, json)
        }
        SecondFactorCommand::Renew { password_file, json } => {
            show_codes(&client.renew_recovery_codes(secret(&password_file)?).await?, json)
        }
        SecondFactorCommand::End { password_file } => {
            Ok(client.end_second_factor(secret(&password_file)?).await?)
        }
    }
}

fn show_codes(codes: &[Secret], as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::json(&json!({ "codes": codes }));
    }
    output::line(
        "recovery codes: each stands in for the authenticator once; keep them, they are not shown again",
    )?;
    codes.iter().try_for_each(|code| output::line(&code.0))
}

fn secret(file: &Path) -> Result<Secret, Failure> {
    Ok(Secret(first_line(file)?.to_string()))
}

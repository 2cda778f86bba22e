use super::*;

fn environment(pairs: &[(&str, &str)]) -> Sources {
    let environment = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Sources { environment, ..Sources::default() }
}

fn file(text: &str) -> (tempfile::TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.toml");
    std::fs::write(&path, text).unwrap();
    (folder, Sources { file: Some(path), ..Sources::default() })
}

#[test]
fn the_documented_default_is_what_the_library_takes_by_itself() {
    let mut sources = Sources::default();
    sources.overrides.push("host.data_dir=host".into());
    let config = load(&sources).unwrap().settings.config().unwrap();
    let library = Config::new("host", ([127, 0, 0, 1], protocol::DEFAULT_PORT).into());
    assert_eq!(config.listen, library.listen);
    assert_eq!(format!("{:?}", config.limits), format!("{:?}", library.limits));
    assert_eq!(format!("{:?}", config.timeouts), format!("{:?}", library.timeouts));
    assert_eq!(config.announce, library.announce);
    assert_eq!(config.name, library.name);
}

#[test]
fn the_default_file_sets_nothing() {
    assert_eq!(toml::from_str::<toml::Table>(DEFAULT).unwrap().values().map(toml_len).sum::<usize>(), 0);
}

fn toml_len(value: &toml::Value) -> usize {
    value.as_table().unwrap().len()
}

#[test]
fn flags_are_over_environment_is_over_file() {
    let (_folder, mut sources) = file("[limits]\nconnections = 1\nstrangers = 1\nqueue_bytes = 1\n");
    let variables =
        [("HEARTH_LIMITS__CONNECTIONS", "2"), ("HEARTH_LIMITS__STRANGERS", "2"), ("HEARTH_LOG", "x")];
    sources.environment = environment(&variables).environment;
    sources.overrides.push("limits.connections=3".into());
    let limits = load(&sources).unwrap().settings.limits;
    assert_eq!((limits.connections, limits.strangers, limits.queue_bytes), (3, 2, 1));
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_known_one() {
    let (_folder, sources) = file("[limits]\nconections = 1\n");
    let said = load(&sources).unwrap_err().to_string();
    assert!(said.contains("`limits.conections`") && said.contains("`limits.connections`"), "{said}");
    let (_folder, sources) = file("[limit]\n");
    assert!(load(&sources).unwrap_err().to_string().contains("`limits`"));
    let (_folder, sources) = file("lisen = 1\n");
    assert!(load(&sources).unwrap_err().to_string().contains("`listen`"));
    let said = load(&environment(&[("HEARTH_LISTEN__ADRESS", "x")])).unwrap_err().to_string();
    assert!(said.contains("HEARTH_LISTEN__ADRESS") && said.contains("`listen.address`"), "{said}");
}

#[test]
fn a_value_of_the_wrong_kind_is_named() {
    let said = load(&environment(&[("HEARTH_LIMITS__CONNECTIONS", "many")])).unwrap_err().to_string();
    assert_eq!(said, "HEARTH_LIMITS__CONNECTIONS: `limits.connections` must be a whole number");
    for (name, text) in
        [("LISTEN__ADDRESS", "here"), ("HOST__REGISTRATION", "maybe"), ("TIMEOUTS__LEASE", "30")]
    {
        assert!(load(&environment(&[(&format!("HEARTH_{name}"), text)])).is_err(), "{name}");
    }
}

#[test]
fn lists_are_words_between_commas_or_toml() {
    for text in ["chat.example.org, talk.example.org", r#"["chat.example.org", "talk.example.org"]"#] {
        let listen = load(&environment(&[("HEARTH_LISTEN__PUBLIC_NAMES", text)])).unwrap().settings.listen;
        assert_eq!(listen.public_names, ["chat.example.org", "talk.example.org"]);
    }
}

#[test]
fn a_secret_comes_from_a_file_and_is_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("vault.passphrase"), "open sesame\n").unwrap();
    let path = folder.path().join("vault.passphrase").display().to_string();
    let by_variable = environment(&[("HEARTH_VAULT__PASSPHRASE_FILE", &path)]);
    let by_credential = Sources { credentials: Some(folder.path().to_owned()), ..Sources::default() };
    for sources in [by_variable, by_credential] {
        let loaded = load(&sources).unwrap();
        assert_eq!(*loaded.settings.vault.passphrase, "open sesame");
        assert!(!loaded.shown.contains("sesame") && loaded.shown.contains("********"));
        assert!(!format!("{:?}", loaded.settings).contains("sesame"));
    }
}

#[test]
fn a_fault_in_the_file_is_told_by_its_line() {
    let (_folder, sources) = file("[limits]\nconnections = = 1\n");
    assert!(load(&sources).unwrap_err().to_string().contains("line 2"));
}

proptest::proptest! {
    #[test]
    fn no_file_and_no_variable_makes_the_reader_fall_over(text in ".{0,200}", name in "HEARTH_[A-Z]{0,9}__[A-Z_]{0,9}") {
        let (_folder, mut sources) = file(&text);
        let _ = load(&sources);
        sources.file = None;
        sources.environment = vec![(name, text)];
        let _ = load(&sources);
    }
}

fn acme(options: &[&str]) -> Result<Option<server_core::Acme>, String> {
    let overrides = options.iter().map(|option| (*option).to_owned()).chain(["host.data_dir=/x".to_owned()]);
    let sources = Sources { overrides: overrides.collect(), ..Sources::default() };
    let loaded = load(&sources).and_then(|loaded| loaded.settings.config());
    loaded.map(|config| config.acme).map_err(|error| error.to_string())
}

#[test]
fn an_authority_is_asked_only_where_names_are_given_and_only_for_names_it_can_look_at() {
    assert_eq!(acme(&["acme.contact=a@example.org"]), Ok(None));
    let wanted =
        acme(&["acme.names= Chat.Example.org. ,chat.example.org", "acme.contact=mailto:a@example.org"]);
    let wanted = wanted.unwrap().unwrap();
    assert_eq!(
        (wanted.names, wanted.contact.unwrap()),
        (vec!["chat.example.org".into()], "a@example.org".into())
    );
    for bad in [
        "studio",
        "studio.local",
        "*.example.org",
        "192.0.2.1",
        "2001:db8::1",
        "a_b.example.org",
        "-a.example.org",
    ] {
        let problem = acme(&[&format!("acme.names={bad}")]).unwrap_err();
        assert!(problem.starts_with("acme.names"), "{problem}");
    }
    for bad in [
        "acme.directory=http://x.example",
        "acme.external_account=id",
        "acme.contact=nobody",
        "acme.challenge=dns-01",
    ] {
        assert!(acme(&["acme.names=chat.example.org", bad]).is_err(), "{bad}");
    }
}

#[test]
fn a_key_for_an_authority_is_a_secret_as_a_passphrase_is() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("acme.external_account_key"), "c2VjcmV0\n").unwrap();
    let sources = Sources {
        overrides: ["acme.names=chat.example.org", "acme.external_account=id"].map(str::to_owned).to_vec(),
        credentials: Some(folder.path().to_owned()),
        ..Sources::default()
    };
    let loaded = load(&sources).unwrap();
    assert!(!loaded.shown.contains("c2VjcmV0") && !format!("{:?}", loaded.settings).contains("c2VjcmV0"));
    assert_eq!(*loaded.settings.acme.wanted().unwrap().unwrap().external_account.unwrap().key, "c2VjcmV0");
}

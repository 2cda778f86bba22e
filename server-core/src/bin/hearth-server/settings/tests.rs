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
    assert_eq!(config.second_factor, library.second_factor);
}

#[test]
fn the_default_file_sets_nothing() {
    assert_eq!(toml::from_str::<toml::Table>(DEFAULT).unwrap().values().map(toml_len).sum::<usize>(), 0);
}

/// Every setting and its default, as the file writes it.
fn all_settings() -> Vec<(String, String, toml::Value)> {
    let all = layers::defaults();
    let keys = all.iter().flat_map(|(section, keys)| {
        let keys = keys.as_table().unwrap().iter();
        keys.map(move |(key, value)| (section.clone(), key.clone(), value.clone()))
    });
    keys.collect()
}

#[test]
fn the_default_file_without_its_marks_is_taken_as_it_is() {
    let whole =
        all_settings().into_iter().map(|(section, key, value)| format!("{section}.{key} = {value}\n"));
    let (_folder, sources) = file(&whole.collect::<String>());
    assert_eq!(load(&sources).unwrap().settings, load(&Sources::default()).unwrap().settings);
    let (_folder, sources) = file(DEFAULT);
    assert_eq!(load(&sources).unwrap().settings, load(&Sources::default()).unwrap().settings);
}

#[test]
fn every_setting_is_said_by_file_variable_and_override_alike() {
    for (section, key, value) in all_settings() {
        let (said, text) = match &value {
            toml::Value::Boolean(is) => (toml::Value::Boolean(!is), (!is).to_string()),
            toml::Value::Integer(number) => (toml::Value::Integer(number - 1), (number - 1).to_string()),
            toml::Value::Array(_) => (toml::Value::Array(vec!["10.0.0.1".into()]), "10.0.0.1".to_owned()),
            _ => match (section.as_str(), key.as_str()) {
                (_, "address" | "http_address") => ("127.0.0.1:1".into(), "127.0.0.1:1".into()),
                ("host", "registration") => ("open".into(), "open".into()),
                ("acme", "challenge") => ("http-01".into(), "http-01".into()),
                ("log", "format") => ("json".into(), "json".into()),
                ("sign_in", _) => ("admins".into(), "admins".into()),
                _ => ("debug".into(), "debug".into()),
            },
        };
        let (_folder, by_file) = file(&format!("[{section}]\n{key} = {said}\n"));
        let variable = format!("HEARTH_{}__{}", section.to_uppercase(), key.to_uppercase());
        let by_override =
            Sources { overrides: vec![format!("{section}.{key}={text}")], ..Sources::default() };
        for sources in [by_file, environment(&[(&variable, &text)]), by_override] {
            assert_eq!(
                layers::merge(&sources).unwrap()[&section][&key],
                said,
                "{section}.{key}: {sources:?}"
            );
        }
    }
}

#[test]
fn a_value_that_can_not_be_is_told_with_its_setting() {
    for (text, name) in [
        ("listen.address = \"localhost:7717\"", "`listen.address`: must be an address and a port"),
        ("listen.address = \"0.0.0.0:65536\"", "`listen.address`"),
        ("listen.public_names = [1]", "`listen.public_names`"),
        ("limits.connections = -1", "`limits.connections` must be a whole number between 0 and"),
        ("limits.connections = 9223372036854775807", "`limits.connections` must be a whole number between"),
        ("limits.connections = 1000001", "connections and strangers"),
        ("limits.hook_bytes = 0", "hook_bytes must be at least 1"),
        ("timeouts.heartbeat = 0", "timeouts.heartbeat must be at least 1"),
        ("timeouts.stop = 0", "timeouts.stop must be at least 1"),
        ("host.registration = \"maybe\"", "`host.registration`"),
        ("log.filter = \"a=b=c\"", "log.filter: `a=b=c`"),
        ("[[listen]]", "`listen` must be one section"),
    ] {
        let (_folder, sources) = file(text);
        let said = load(&sources).unwrap_err().to_string();
        assert!(said.contains(name), "{text}: {said}");
    }
}

#[test]
fn names_and_origins_are_read_as_browsers_say_them_or_refused() {
    let config = |option: &str| {
        let overrides = vec!["host.data_dir=/x".to_owned(), option.to_owned()];
        load(&Sources { overrides, ..Sources::default() }).and_then(|loaded| loaded.settings.config())
    };
    let named = config("listen.public_names=Bücher.example, chat.example.org:8443").unwrap();
    assert_eq!(
        named.public_names,
        ["xn--bcher-kva.example".parse().unwrap(), "chat.example.org:8443".parse().unwrap()]
    );
    let named = config("listen.allowed_origins=https://App.example.org:443/").unwrap();
    assert_eq!(named.allowed_origins, ["https://app.example.org"]);
    for wrong in [
        "listen.public_names=https://chat.example.org",
        "listen.public_names=*.example.org",
        "listen.allowed_origins=*",
        "listen.allowed_origins=null",
        "listen.allowed_origins=app.example.org",
        "listen.trusted_proxies=nginx",
    ] {
        let said = config(wrong).unwrap_err().to_string();
        assert!(said.starts_with(wrong.split('=').next().unwrap()), "{said}");
    }
}

#[test]
fn a_reload_names_what_only_a_start_looks_at() {
    let settings = |options: &[&str]| {
        let overrides = options.iter().map(|option| (*option).to_owned()).collect();
        load(&Sources { overrides, ..Sources::default() }).unwrap().settings
    };
    let before = settings(&[]);
    assert!(settings(&["host.name=Atelier", "limits.text_bytes=100"]).waiting(&before).is_empty());
    let after = settings(&["listen.address=127.0.0.1:1", "limits.connections=5", "log.filter=debug"]);
    assert_eq!(after.waiting(&before), ["listen.address", "limits.connections", "log"]);
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
fn the_nearest_name_is_one_of_the_section_that_was_named() {
    for (text, nearest) in [
        ("[tls]\nkey_file = 'x'\n", "`tls.key`"),
        ("data_dir = 'x'\n", "`host.data_dir`"),
        ("[metric]\n", "`metrics`"),
    ] {
        let (_folder, sources) = file(text);
        let said = load(&sources).unwrap_err().to_string();
        assert!(said.ends_with(&format!("did you mean {nearest}?")), "{said}");
    }
}

#[test]
fn a_variable_with_one_underscore_too_few_is_not_passed_over() {
    let said = load(&environment(&[("HEARTH_LISTEN_ADDRESS", "x")])).unwrap_err().to_string();
    assert!(said.contains("`HEARTH_LISTEN__ADDRESS`"), "{said}");
    let said = load(&environment(&[("HEARTH_VAULT_PASSPHRASE_FILE", "x")])).unwrap_err().to_string();
    assert!(said.contains("`HEARTH_VAULT__PASSPHRASE_FILE`"), "{said}");
    let others =
        [("HEARTH_SERVICE_HOST", "10.0.0.1"), ("HEARTH_PORT_7717_TCP_ADDR", "x"), ("HEARTH_LOG", "x")];
    load(&environment(&others)).unwrap();
}

#[test]
fn a_value_of_the_wrong_kind_is_named() {
    let said = load(&environment(&[("HEARTH_LIMITS__CONNECTIONS", "many")])).unwrap_err().to_string();
    assert_eq!(
        said,
        "HEARTH_LIMITS__CONNECTIONS: `limits.connections` must be a whole number between 0 and 4294967295"
    );
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
fn a_secret_that_is_empty_or_endless_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.passphrase");
    for (content, problem) in [("", "is empty"), ("\n", "is empty"), (&"x".repeat(70_000), "is too long")] {
        std::fs::write(&path, content).unwrap();
        let by_variable = environment(&[("HEARTH_VAULT__PASSPHRASE_FILE", path.to_str().unwrap())]);
        let by_credential = Sources { credentials: Some(folder.path().to_owned()), ..Sources::default() };
        for sources in [by_variable, by_credential] {
            let said = load(&sources).unwrap_err().to_string();
            assert!(said.contains(problem), "{said}");
        }
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

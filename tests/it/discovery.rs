//! Two machines on one network: the one that hosts is found by the other, and by avahi as an independent witness.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tests::network::{Namespace, Network, skipped};
use tests::wait;
use tests::world::{World, finish};

use crate::{is_message, texts};

#[test]
fn a_host_in_one_machine_is_found_once_and_joined_from_another() {
    if skipped("two machines on one network") {
        return;
    }
    let world = World::new().unwrap();
    let network = Network::new().unwrap();
    let mut plan = world.host("Léa's studio");
    plan.namespace = Some(network.one.clone());
    plan.announce = true;
    plan.open = true;
    plan.listen = "0.0.0.0:7717".into();
    let host = plan.start().unwrap();
    let address = format!("{}:7717", network.one.address());
    let mut alice = world.client("alice").unwrap();
    alice.namespace = Some(network.one.clone());
    alice.join(&host.owner_link().unwrap(), "Alice").unwrap();

    let mut bob = world.client("bob").unwrap();
    bob.namespace = Some(network.other.clone());
    let found = wait::until("the host in the list", || {
        let lines = bob.done(&["discover", "--json", "--seconds", "2"]).unwrap().json().unwrap();
        Some(lines).filter(|lines| lines.iter().any(|line| line["name"] == "Léa's studio"))
    });
    let found = found.unwrap();
    assert_eq!(found.len(), 1, "one entry per host: {found:?}");
    let id = host.listening()["host_id"].as_str().unwrap();
    assert_eq!(found[0]["id_prefix"].as_str().unwrap(), &id[..16]);
    let addresses: Vec<_> =
        found[0]["addresses"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert!(addresses.contains(&address.as_str()), "{addresses:?}");

    // The first contact by address: the id is compared, the channel is TLS by the host's own key.
    bob.done(&["join", &address, "--register", "--name", "Bob", "--expect", id]).unwrap();
    let mut tail = bob.begin(&["tail", "--json", "--from", "0"]).unwrap();
    alice.done(&["post", "general", "Hello over there"]).unwrap();
    tail.lines.find_json("the message", |line| is_message(line, "Hello over there")).unwrap();
    drop(tail);
    bob.done(&["post", "general", "Hello to you"]).unwrap();
    assert_eq!(texts(&alice, "general"), ["Hello over there", "Hello to you"]);
}

#[test]
fn avahi_sees_the_host_with_its_name_port_and_id() {
    if skipped("avahi as a witness") {
        return;
    }
    let world = World::new().unwrap();
    let network = Network::new().unwrap();
    let avahi = Avahi::start(world.folder(), &network.other);
    let mut plan = world.host("Witnessed");
    plan.namespace = Some(network.one.clone());
    plan.announce = true;
    plan.listen = "0.0.0.0:7717".into();
    let host = plan.start().unwrap();
    let id = host.listening()["host_id"].as_str().unwrap();

    let resolved = wait::until("avahi's answer", || {
        let said = avahi.browse();
        let lines: Vec<String> =
            said.lines().filter(|line| line.starts_with('=')).map(str::to_owned).collect();
        Some(lines).filter(|lines| lines.iter().any(|line| line.contains(";IPv4;")))
    });
    let resolved = resolved.unwrap();
    let v4 = resolved.iter().find(|line| line.contains(";IPv4;")).unwrap();
    for part in ["Witnessed", "_hearth._tcp", network.one.address(), ";7717;", &format!("id={}", &id[..16])] {
        assert!(v4.contains(part), "{part} is not in {v4}");
    }

    host.stop().unwrap();
    wait::until("avahi losing sight of a stopped host", || {
        (!avahi.browse().contains("Witnessed")).then_some(())
    })
    .unwrap();
}

/// Avahi's daemon in a namespace, with a system bus of its own.
struct Avahi {
    children: Vec<Child>,
    bus: String,
    namespace: Namespace,
}

impl Avahi {
    fn start(folder: &Path, namespace: &Namespace) -> Self {
        let bus = format!("unix:path={}", folder.join("bus").display());
        let config = folder.join("bus.conf");
        let policy = r#"<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
            <allow send_destination="*" eavesdrop="true"/><allow receive_sender="*"/></policy>"#;
        let listen = format!("<listen>{bus}</listen>");
        fs::write(&config, format!("<busconfig><type>system</type>{listen}{policy}</busconfig>")).unwrap();
        let mut daemon = Command::new("dbus-daemon");
        daemon.arg(format!("--config-file={}", config.display())).arg("--nofork");
        let mut avahi = namespace.command(Path::new("avahi-daemon"));
        avahi.args(["--no-drop-root", "--no-chroot", "--no-rlimits"]).env("DBUS_SYSTEM_BUS_ADDRESS", &bus);
        let quietly = |command: &mut Command| {
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        let mut started = Self { children: vec![quietly(&mut daemon)], bus, namespace: namespace.clone() };
        wait::until("the bus", || folder.join("bus").exists().then_some(())).unwrap();
        started.children.push(quietly(&mut avahi));
        started
    }

    /// What avahi knows now, each service resolved.
    fn browse(&self) -> String {
        let mut command = self.namespace.command(Path::new("avahi-browse"));
        command.args(["-rtp", "_hearth._tcp"]).env("DBUS_SYSTEM_BUS_ADDRESS", &self.bus);
        finish(command, None).unwrap().out
    }
}

impl Drop for Avahi {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

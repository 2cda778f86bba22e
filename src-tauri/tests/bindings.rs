//! The committed TypeScript of the window's types is the one these types give. With `HEARTH_WRITE_BINDINGS=1` the test
//! writes it anew instead.

use std::fs;
use std::path::Path;

use hearth::view::{
    DeviceView, FailureView, FindingView, HostView, InviteLinkView, InviteView, JoinByView, PersonView,
    ProbeView, RoomView, SlotView, StartView, TimelineView, UpdateView,
};
use ts_rs::{Config, TS};

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ui/src/lib/ipc/bindings");

fn export(folder: &Path) {
    let config = Config::from_env().with_out_dir(folder);
    macro_rules! export {
        ($($view:ty),* $(,)?) => { $(<$view>::export_all(&config).unwrap();)* };
    }
    export!(
        DeviceView,
        FailureView,
        FindingView,
        HostView,
        InviteLinkView,
        InviteView,
        JoinByView,
        PersonView,
        ProbeView,
        RoomView,
        SlotView,
        StartView,
        TimelineView,
        UpdateView,
    );
}

#[test]
fn committed_typescript_is_current() {
    let committed = Path::new(COMMITTED);
    if std::env::var_os("HEARTH_WRITE_BINDINGS").is_some() {
        return export(committed);
    }
    let fresh = tempfile::tempdir().unwrap();
    export(fresh.path());
    for entry in fs::read_dir(fresh.path()).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        let expected = fs::read_to_string(path).unwrap();
        let found = fs::read_to_string(committed.join(&name)).unwrap_or_default();
        assert_eq!(found, expected, "{name:?} is stale: run this test with HEARTH_WRITE_BINDINGS=1");
    }
}

//! Which network interfaces lead to colleagues, by their names: pure.

/// Beginnings of the names of interfaces that lead to containers, virtual machines and tunnels.
const VIRTUAL: &[&str] =
    &["docker", "br-", "virbr", "veth", "vmnet", "vboxnet", "cni", "flannel", "lxc", "lxdbr", "podman", "zt"];

/// Beginnings of the names of tunnels.
const TUNNELS: &[&str] = &["tun", "tap", "wg", "utun", "ppp", "tailscale", "nordlynx", "proton"];

pub(super) fn is_tunnel(name: &str) -> bool {
    TUNNELS.iter().any(|beginning| name.starts_with(beginning))
}

pub(super) fn is_virtual(name: &str) -> bool {
    is_tunnel(name) || VIRTUAL.iter().any(|beginning| name.starts_with(beginning))
}

use super::*;

fn interface(name: &str, addresses: &[(&str, u8)]) -> Interface {
    let addresses =
        addresses.iter().map(|(address, prefix)| (address.parse().unwrap(), *prefix)).collect();
    Interface { index: 2, name: name.to_owned(), addresses, loopback: name == "lo", unused: None }
}

fn judged(name: &str, up: bool, point_to_point: bool, bridge_port: bool) -> Option<Unused> {
    judge(
        &interface(name, &[]),
        up,
        point_to_point,
        bridge_port,
        &InterfaceFilter::default(),
        false,
    )
}

#[test]
fn junk_is_left_out_and_lans_are_not() {
    assert_eq!(judged("eth0", true, false, false), None);
    assert_eq!(judged("wlan0", true, false, false), None);
    assert_eq!(judged("br0", true, false, false), None);
    assert_eq!(judged("br-lan", true, false, false), None);
    assert_eq!(judged("vethA", true, false, false), None, "the only interface of a container");
    assert_eq!(judged("veth1234", true, false, true), Some(Unused::BridgePort));
    assert_eq!(judged("eth0", false, false, false), Some(Unused::Down));
    assert_eq!(judged("docker0", true, false, false), Some(Unused::Inner));
    assert_eq!(judged("br-0123456789ab", true, false, false), Some(Unused::Inner));
    assert_eq!(judged("tun0", true, true, false), Some(Unused::Tunnel));
    assert_eq!(judged("wg0", true, false, false), Some(Unused::Tunnel));
}

#[test]
fn the_configuration_has_the_last_word() {
    let only = InterfaceFilter { only: vec!["docker0".into()], never: Vec::new() };
    assert_eq!(judge(&interface("docker0", &[]), true, false, false, &only, false), None);
    assert_eq!(
        judge(&interface("eth0", &[]), true, false, false, &only, false),
        Some(Unused::Configured)
    );
    let never = InterfaceFilter { only: Vec::new(), never: vec!["eth0".into()] };
    assert_eq!(
        judge(&interface("eth0", &[]), true, false, false, &never, false),
        Some(Unused::Configured)
    );
    assert_eq!(
        judge(&interface("eth0", &[]), true, false, false, &never, true),
        Some(Unused::Configured)
    );
    assert_eq!(judge(&interface("lo", &[]), true, false, false, &never, true), None);
}

#[test]
fn what_is_on_the_link_is_told_by_prefix() {
    let eth = interface("eth0", &[("192.168.1.5", 24), ("fe80::5", 64), ("2001:db8::5", 64)]);
    let on_link = |text: &str| eth.is_on_link(text.parse().unwrap());
    assert!(
        on_link("192.168.1.77")
            && on_link("fe80::9")
            && on_link("2001:db8::9")
            && on_link("169.254.3.4")
    );
    assert!(on_link("::ffff:192.168.1.77"));
    assert!(!on_link("192.168.2.77") && !on_link("8.8.8.8") && !on_link("2001:db8:1::9"));
    let lo = interface("lo", &[("127.0.0.1", 8), ("::1", 128)]);
    assert!(
        lo.is_on_link("127.0.0.9".parse().unwrap())
            && !lo.is_on_link("192.168.1.77".parse().unwrap())
    );
}

#[test]
fn this_machine_has_a_loopback_interface() {
    let all = scan(&InterfaceFilter::default(), true).unwrap();
    assert!(all.iter().any(|interface| interface.loopback && interface.unused.is_none()));
    assert!(all.iter().all(|interface| interface.loopback || interface.unused.is_some()));
}

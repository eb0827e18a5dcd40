use super::*;

#[tokio::test]
async fn on_loopback_everything_is_fine() {
    let checks = check(46_490, true).await;
    let names: Vec<_> = checks.iter().map(|check| check.check).collect();
    assert_eq!(names, ["interfaces", "discovery_port", "multicast"]);
    assert!(checks.iter().all(|check| check.ok), "{checks:?}");
}

#[tokio::test]
async fn a_port_that_another_program_holds_is_named() {
    let other = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let checks = check(port, true).await;
    let check = checks.iter().find(|check| check.check == "discovery_port").unwrap();
    assert!(
        !check.ok && check.detail.contains(&port.to_string()) && check.hint.is_some(),
        "{check:?}"
    );
}

#[test]
fn a_machine_without_a_network_is_told_what_to_do() {
    let lo = Interface {
        index: 1,
        name: "lo".into(),
        addresses: vec![("127.0.0.1".parse().unwrap(), 8)],
        loopback: true,
        unused: None,
    };
    let check = interfaces(&[lo], false);
    assert!(!check.ok && check.hint.is_some());
}

#[test]
fn a_known_firewall_is_named_with_its_command() {
    let ufw =
        firewall(1, &|path| (path == "/etc/ufw/ufw.conf").then(|| "ENABLED=yes\n".to_owned()));
    assert!(!ufw.ok && ufw.hint.unwrap().contains("ufw allow 1/udp"));
    let off = firewall(1, &|path| (path == "/etc/ufw/ufw.conf").then(|| "ENABLED=no\n".to_owned()));
    assert!(off.ok);
    assert!(!firewall(1, &|path| (path == "/run/firewalld.pid").then(String::new)).ok);
}

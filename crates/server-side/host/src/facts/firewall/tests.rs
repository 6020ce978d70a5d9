use super::parse_rules;

#[test]
fn a_rule_of_every_form_is_turned_back_into_the_words_that_delete_it() {
    let everybody = "0.0.0.0/0 any 0.0.0.0/0";
    for (tuple, words) in [
        (format!("allow tcp 8080 {everybody} in"), "delete allow 8080/tcp"),
        (format!("allow_log tcp 8080 {everybody} in"), "delete allow log 8080/tcp"),
        (format!("deny_log-all udp 53 {everybody} in"), "delete deny log-all 53/udp"),
        (format!("allow tcp 9090 {everybody} in comment=636f636b706974"), "delete allow 9090/tcp"),
        (format!("limit any 2222 {everybody} in"), "delete limit 2222"),
        (format!("allow any any {everybody} in"), "delete allow from any"),
        (format!("allow tcp any {everybody} in"), "delete allow proto tcp from any"),
        (format!("allow gre any {everybody} in"), "delete allow proto gre from any"),
        (format!("allow tcp 6000:6007 {everybody} in"), "delete allow 6000:6007/tcp"),
        (format!("allow tcp 80,443 {everybody} Nginx%20Full - in"), "delete allow Nginx Full"),
        (format!("allow_log tcp 22 {everybody} OpenSSH - in comment=61"), "delete allow log OpenSSH"),
        (
            format!("route:allow_log tcp 3000 {everybody} in"),
            "route delete allow log proto tcp from any to any port 3000",
        ),
        (format!("route:deny any 3000 {everybody} in"), "route delete deny from any to any port 3000"),
        (format!("route:allow any any {everybody} in"), "route delete allow from any"),
        (
            format!("route:allow tcp 22 {everybody} OpenSSH - in"),
            "route delete allow from any to any app OpenSSH",
        ),
    ] {
        let [rule] = &parse_rules(&format!("### tuple ### {tuple}"))[..] else { panic!("{tuple}") };
        assert!(rule.plain, "{tuple}");
        assert_eq!(rule.deletion().join(" "), words, "{tuple}");
    }
}

#[test]
fn what_is_not_for_everybody_coming_in_is_left_to_its_owner() {
    for (tuple, inward) in [
        ("allow any 5432 0.0.0.0/0 any 10.1.2.3 in", true),
        ("allow any 5432 0.0.0.0/0 any 0.0.0.0/0 in_wg0", true),
        ("allow any any 0.0.0.0/0 any 0.0.0.0/0 - Nginx%20Full in", true),
        ("route:allow any any 0.0.0.0/0 any 0.0.0.0/0 in_eth0!out_lxdbr0", true),
        ("allow tcp 25 0.0.0.0/0 any 0.0.0.0/0 out", false),
        ("deny any any 0.0.0.0/0 any 0.0.0.0/0 out_eth0", false),
    ] {
        let [rule] = &parse_rules(&format!("### tuple ### {tuple}"))[..] else { panic!("{tuple}") };
        let plain = tuple.ends_with("Full in");
        assert_eq!((rule.plain, rule.inward), (plain, inward), "{tuple}");
    }
}

#[test]
fn a_port_that_is_open_and_logged_is_open() {
    let logged = "### tuple ### allow_log tcp 443 0.0.0.0/0 any 0.0.0.0/0 in";
    let forwarded = "### tuple ### route:allow tcp 443 0.0.0.0/0 any 0.0.0.0/0 in";
    assert!(parse_rules(logged)[0].admits_tcp(443));
    assert!(!parse_rules(forwarded)[0].admits_tcp(443));
}

//! What many pages about error codes say alike: it is written here once, and added to a page when the page is put into
//! the program. Which sentences, a code's family says; whether they are said, the page's `Tried again by itself` line.

/// Before this heading the family's way to see the cause is added.
const TYPE: &str = "\n## What to type\n";
/// A page that says no more than `yes` or `no` here gets the family's sentence.
const AGAIN: &str = "\nTried again by itself: ";

/// How a page says, below `What to type`, that something is typed as root on a tenant's server.
const ROOT_COMMANDS: [&str; 10] = [
    "`apt-get ",
    "`certbot delete",
    "`cp /",
    "`mv /",
    "`rm /",
    "`systemctl restart docker`",
    "`systemctl restart letsbe-agent`",
    "`systemctl stop ",
    "`timedatectl set",
    "as root",
];
/// Said on such a page.
const AS_ROOT: &str = "On a tenant's server `letsbe-admin` is root for `letsbe-node` only: other commands that need \
                       root are typed\nat its provider's console or in the rescue system.";

/// Codes that are met in the same place.
struct Family {
    /// How its codes begin.
    codes: &'static [&'static str],
    /// How to see the cause, if it can be seen in the same way for all.
    cause: &'static str,
    /// How it is tried again.
    yes: &'static str,
    /// What happens since it is not tried again.
    no: &'static str,
}

/// The longest beginning that fits a code decides.
const FAMILIES: [Family; 9] = [
    // What an order's work meets, on the Hub or on the server.
    Family {
        codes: &[
            "CAT", "DEST001", "DEST002", "DNS", "HOST", "HUB00", "MAIL001", "MAIL002", "NETCUP", "NODE00",
            "NODE01", "NODE02", "NODE04", "NODE05", "NODE061", "NODE08", "NODE09", "NODE1", "OUT", "PAY",
            "POOL", "PROV", "RCV001", "RCV002", "SERVER", "SRV", "SSH", "TENANT", "WORK",
        ],
        cause: "`letsbe orders show <order>` prints the whole message and what came before it. For a server without \
                a Hub,\n`letsbe provision` prints both itself.",
        yes: "Up to three times, after 1, 5 and 15 minutes; then the order waits for the operator.",
        no: "The order waits for the operator.",
    },
    // What stops the Hub's start.
    Family {
        codes: &["DEST003", "HUB010", "HUB020", "MAIL010"],
        cause: "`journalctl -u letsbe-hub` has the whole message.",
        yes: "",
        no: "systemd starts the Hub again and again, and each start checks again.",
    },
    // What the agent of a server meets while it runs.
    Family {
        codes: &["HUB006", "HUB007", "HUB009", "HUB021", "NODE060", "NODE07"],
        cause: "`letsbe-node status` on the server shows what the agent reports, `journalctl -u letsbe-agent` its log.",
        yes: "",
        no: "",
    },
    // What a command prints to the person who typed it.
    Family {
        codes: &[
            "HOST025", "HUB02", "HUB04", "HUB05", "MAIL01", "NODE013", "NODE026", "NODE082", "NODE113",
            "NODE114", "NODE115", "NODE116", "NODE117", "NODE118", "PROV004", "RCV", "SSH013",
        ],
        cause: "",
        yes: "",
        no: "",
    },
    Family {
        codes: &["API"],
        cause: "The answer has the code, a message and, for wrong fields, `details`; the Hub's log \
                (`journalctl -u letsbe-hub`)\nhas what failed inside the Hub.",
        yes: "",
        no: "The caller decides.",
    },
    Family {
        codes: &["BAK", "PRF", "REPO"],
        cause: "`letsbe-node backup status` on the server and `letsbe backups show <tenant>` at the Hub show the last \
                run\nwith the error of each tool.",
        yes: "By the next nightly backup at the latest.",
        no: "",
    },
    Family {
        codes: &["CLAW"],
        cause: "`letsbe-node openclaw status` on the server shows which release runs and how the last update ended.",
        yes: "",
        no: "",
    },
    Family {
        codes: &["GATE"],
        cause: "`letsbe-node gate log` on the server shows the calls of the AI team and how each ended.",
        yes: "Not by the gate: by whoever made the call.",
        no: "",
    },
    Family {
        codes: &["VAULT"],
        cause: "`letsbe-node` prints the message itself; for a run, `letsbe orders show <order>` has it.",
        yes: "In a run up to three times, after 1, 5 and 15 minutes; then the order waits for the operator.",
        no: "In a run, the order waits for the operator.",
    },
];

/// Codes whose pages say all themselves.
const OTHERS: Family = Family { codes: &[], cause: "", yes: "", no: "" };

fn family(code: &str) -> Option<&'static Family> {
    let begins = FAMILIES.iter().flat_map(|family| family.codes.iter().map(move |begin| (*begin, family)));
    begins
        .filter(|(begin, _)| code.starts_with(begin))
        .max_by_key(|(begin, _)| begin.len())
        .map(|(_, one)| one)
}

/// The page with what its family says.
pub(crate) fn completed(code: &str, page: &str) -> String {
    let mut text = page.to_owned();
    let family = family(code).unwrap_or(&OTHERS);
    if !family.cause.is_empty() {
        text = text.replacen(TYPE, &format!("\n{}\n{TYPE}", family.cause), 1);
    }
    let (typed, end) = (text.find(TYPE), text.rfind(AGAIN));
    if let (Some(typed), Some(end)) = (typed, end)
        && ROOT_COMMANDS.iter().any(|command| text.get(typed..end).is_some_and(|part| part.contains(command)))
    {
        text.insert_str(end, &format!("\n{AS_ROOT}\n"));
    }
    for (word, sentence) in [("yes", family.yes), ("no", family.no)] {
        let bare = format!("{AGAIN}{word}.\n");
        if !sentence.is_empty() && text.ends_with(&bare) {
            text.truncate(text.len() - 1);
            text.push_str(&format!(" {sentence}\n"));
            break;
        }
    }
    text
}

/// All that is added anywhere.
#[cfg(test)]
pub(crate) fn sentences() -> impl Iterator<Item = &'static str> {
    let all = FAMILIES.iter().flat_map(|family| [family.cause, family.yes, family.no]);
    all.chain([AS_ROOT]).filter(|sentence| !sentence.is_empty())
}

//! Who an order waits for, the most urgent first: how lists are sorted and counted.

use super::{Phase, State};

/// Who an order waits for. What needs a person of ours comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attention {
    /// A person of ours: nothing goes on by itself, or a server has to be bought.
    NeedsYou,
    /// Something failed and is tried again by itself.
    Failing,
    /// The customer's DNS entries.
    Waiting,
    /// The Hub's own work.
    Working,
    /// The customer's money.
    Unpaid,
    /// Nobody: it is live.
    Live,
    /// Nobody: it has ended.
    Ended,
}

impl Attention {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 7] =
        [Self::NeedsYou, Self::Failing, Self::Waiting, Self::Working, Self::Unpaid, Self::Live, Self::Ended];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeedsYou => "needs_you",
            Self::Failing => "failing",
            Self::Waiting => "waiting",
            Self::Working => "working",
            Self::Unpaid => "unpaid",
            Self::Live => "live",
            Self::Ended => "ended",
        }
    }

    /// Its place in a list, from 0.
    #[must_use]
    pub const fn rank(self) -> i16 {
        self as i16
    }
}

impl State {
    /// Who the order waits for.
    #[must_use]
    pub const fn attention(&self) -> Attention {
        if self.needs_operator {
            return Attention::NeedsYou;
        }
        match self.phase {
            Phase::PaymentConfirmed | Phase::ServerLost if self.purchase_asked => Attention::NeedsYou,
            Phase::Failed => Attention::Failing,
            Phase::DnsPending => Attention::Waiting,
            Phase::PaymentConfirmed
            | Phase::AwaitingServer
            | Phase::ServerReady
            | Phase::DnsReady
            | Phase::Provisioning
            | Phase::ServerLost
            | Phase::ReplacementReady
            | Phase::RecoveryCancelled => Attention::Working,
            Phase::AwaitingPayment => Attention::Unpaid,
            Phase::Fulfilled => Attention::Live,
            Phase::Stopped | Phase::Expired => Attention::Ended,
        }
    }
}

//! Whether what was paid is what was ordered. Pure.

use letsbe_catalog::TierSpec;
use letsbe_types::Tier;

use super::meaning::Paid;
use crate::config::PaymentTerms;

/// What differs between a payment and the order, in words for the operator; `None` if nothing does.
pub(super) fn differs(paid: &Paid, tier: Tier, spec: &TierSpec, terms: PaymentTerms) -> Option<String> {
    let mut wrong = Vec::new();
    if !matches!(paid.mode.as_str(), "payment" | "subscription") {
        wrong.push(format!("mode {:?}, not payment or subscription", short(&paid.mode)));
    }
    if paid.livemode != terms.live {
        let word = |live| if live { "live" } else { "test" };
        wrong.push(format!("{} money, and this Hub takes {} money", word(paid.livemode), word(terms.live)));
    }
    if let Some(sold) = paid.tier.as_ref().filter(|sold| sold.as_str() != tier.as_str()) {
        wrong.push(format!("sold as {:?}, ordered as {tier}", short(sold)));
    }
    let price = spec.price_month.get(&paid.currency).copied().and_then(|price| i64::try_from(price).ok());
    match (price, paid.total) {
        (None, _) => {
            wrong.push(format!("currency {:?}, which {tier} has no price in", short(&paid.currency)))
        }
        (Some(_), None) => wrong.push("no amount".to_owned()),
        // A tax may be part of the price, or come on top.
        (Some(price), Some(total))
            if total == price || (paid.tax > 0 && total.saturating_sub(paid.tax) == price) => {}
        (Some(price), Some(total)) => {
            let currency = paid.currency.as_str();
            let off = match paid.discount {
                discount if discount > 0 => format!(" (after {} {currency} off)", units(discount, currency)),
                _ => String::new(),
            };
            wrong.push(format!(
                "{} {currency} were paid{off}, {} {currency} are {tier}'s price",
                units(total, currency),
                units(price, currency)
            ));
        }
    }
    (!wrong.is_empty()).then(|| wrong.join("; "))
}

/// Currencies without a smaller unit, as Stripe counts (ISK and UGX have two digits there).
const WHOLE: [&str; 15] =
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"];
/// Currencies with thousandths.
const THOUSANDTHS: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

/// An amount in the currency's smallest unit, as people write it.
fn units(amount: i64, currency: &str) -> String {
    let digits = match currency {
        whole if WHOLE.contains(&whole) => 0,
        small if THOUSANDTHS.contains(&small) => 3,
        _ => 2,
    };
    let sign = if amount < 0 { "-" } else { "" };
    let (amount, unit) = (amount.unsigned_abs(), 10_u64.pow(digits));
    match digits {
        0 => format!("{sign}{amount}"),
        _ => format!("{sign}{}.{:0width$}", amount / unit, amount % unit, width = digits as usize),
    }
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use letsbe_catalog::Catalog;
    use letsbe_types::Tier;

    use super::{Paid, differs};
    use crate::config::PaymentTerms;

    #[test]
    fn whatever_differs_from_the_order_is_named() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../catalog");
        let catalog = Catalog::load(&root).unwrap_or_else(|errors| panic!("{errors}"));
        let spec = catalog.tier(Tier::Build);
        let price = i64::try_from(spec.price_month["eur"]).unwrap();
        let good = Paid {
            mode: "subscription".into(),
            total: Some(price),
            tax: 0,
            discount: 0,
            charged: None,
            currency: "eur".into(),
            livemode: true,
            tier: None,
        };
        let live = PaymentTerms { live: true, free: false };
        let check = |paid: &Paid, terms| differs(paid, Tier::Build, spec, terms);
        let once = Paid { mode: "payment".into(), tier: Some("build".into()), ..good.clone() };
        let included = Paid { tax: 200, ..good.clone() };
        let on_top = Paid { tax: 200, total: Some(price + 200), ..good.clone() };
        for paid in [&good, &once, &included, &on_top] {
            assert_eq!(check(paid, live), None, "{paid:?}");
        }
        let lite = i64::try_from(catalog.tier(Tier::Lite).price_month["eur"]).unwrap();
        for (paid, named) in [
            (Paid { total: Some(1), ..good.clone() }, "0.01 eur"),
            (Paid { total: Some(lite), ..good.clone() }, "12.00 eur"),
            (Paid { total: Some(price + 1), ..good.clone() }, "18.01 eur"),
            (Paid { total: Some(price + 200), ..good.clone() }, "20.00 eur"),
            (Paid { total: Some(price - 200), tax: 200, ..good.clone() }, "16.00 eur"),
            (Paid { total: Some(-price), ..good.clone() }, "-18.00 eur"),
            (Paid { total: Some(price - 300), discount: 300, ..good.clone() }, "(after 3.00 eur off)"),
            (Paid { total: Some(i64::MIN), tax: 1, ..good.clone() }, "eur"),
            (Paid { total: None, ..good.clone() }, "no amount"),
            (Paid { currency: "idr".into(), ..good.clone() }, "idr"),
            (Paid { currency: String::new(), ..good.clone() }, "currency"),
            (Paid { livemode: false, ..good.clone() }, "test money"),
            (Paid { mode: "setup".into(), ..good.clone() }, "setup"),
            (Paid { mode: String::new(), ..good.clone() }, "mode"),
            (Paid { tier: Some("lite".into()), ..good.clone() }, "lite"),
        ] {
            let why = check(&paid, live).unwrap_or_else(|| panic!("{paid:?} fits"));
            assert!(why.contains(named), "{why}");
        }
        let test = PaymentTerms { live: false, free: false };
        assert!(check(&good, test).unwrap().contains("live money"));
        assert_eq!(check(&Paid { livemode: false, ..good }, test), None);
    }

    #[test]
    fn amounts_are_written_as_their_currency_counts() {
        for (amount, currency, written) in [
            (1800, "eur", "18.00"),
            (5, "usd", "0.05"),
            (1800, "jpy", "1800"),
            (0, "krw", "0"),
            (12_345, "kwd", "12.345"),
            (-5, "eur", "-0.05"),
            (100, "isk", "1.00"),
            (i64::MIN, "eur", "-92233720368547758.08"),
        ] {
            assert_eq!(super::units(amount, currency), written, "{currency}");
        }
    }
}

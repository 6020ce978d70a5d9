//! Which tools a customer may choose together: what fits a tier, and in which order they start.

use std::collections::{BTreeMap, BTreeSet};

use letsbe_types::{DomainName, Tier, api::FieldError};

use crate::{Catalog, Tool, ToolId};

/// More entries than this are refused without being looked at.
const MOST_TOOLS: usize = 200;

/// Tools that fit a tier together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The tier.
    pub tier: Tier,
    /// The tools in the order they start in: each after those it depends on. The platform's stacks are not included.
    pub tools: Vec<ToolId>,
}

impl Selection {
    /// The domain itself and every host name of the selected tools, sorted.
    #[must_use]
    pub fn hostnames(&self, catalog: &Catalog, domain: &DomainName) -> Vec<DomainName> {
        let labels = self.entries(catalog).flat_map(|tool| &tool.vhosts);
        let names: BTreeSet<DomainName> =
            labels.filter_map(|vhost| domain.child(&vhost.label).ok()).chain([domain.clone()]).collect();
        names.into_iter().collect()
    }

    /// Every loopback port in use, with its owner: the selected tools' and the platform's.
    #[must_use]
    pub fn ports(&self, catalog: &Catalog) -> BTreeMap<u16, ToolId> {
        self.entries(catalog)
            .chain(catalog.platform())
            .flat_map(|tool| tool.ports.iter().map(|port| (port.host, tool.name.clone())))
            .collect()
    }

    /// Ports of the selected tools that everybody may reach: see [`Tool::open_ports`].
    #[must_use]
    pub fn open_ports(&self, catalog: &Catalog) -> BTreeSet<u16> {
        self.entries(catalog).flat_map(Tool::open_ports).collect()
    }

    /// The catalog entries, in start order.
    pub fn entries<'a>(&'a self, catalog: &'a Catalog) -> impl Iterator<Item = &'a Tool> {
        self.tools.iter().filter_map(|id| catalog.tool(id))
    }
}

impl Catalog {
    /// Checks a customer's choice against the catalog and the tier.
    ///
    /// # Errors
    /// Every field that is wrong: unknown tools, doubles, missing companions, too little memory or disk.
    pub fn select(&self, tier: Tier, tools: &[String]) -> Result<Selection, Vec<FieldError>> {
        let refuse = |field: String, message: String| FieldError { field, message };
        if tools.is_empty() || tools.len() > MOST_TOOLS {
            let message = format!("choose between 1 and {MOST_TOOLS} tools, not {}", tools.len());
            return Err(vec![refuse("tools".to_owned(), message)]);
        }
        let mut errors = Vec::new();
        let mut chosen: Vec<&Tool> = Vec::new();
        for (index, given) in tools.iter().enumerate() {
            match self.choose(given, &chosen) {
                Ok(tool) => chosen.push(tool),
                Err(message) => errors.push(refuse(format!("tools[{index}]"), message)),
            }
        }
        for (index, given) in tools.iter().enumerate() {
            let Some(tool) = chosen.iter().find(|tool| tool.name.as_str() == given) else { continue };
            for needed in &tool.depends_on_tools {
                if !chosen.iter().any(|other| other.name == *needed) {
                    let message = format!("{} needs {needed}; choose it as well", tool.name);
                    errors.push(refuse(format!("tools[{index}]"), message));
                }
            }
        }
        errors.extend(self.shortage(tier, &chosen).map(|message| refuse("tools".to_owned(), message)));
        if errors.is_empty() { Ok(Selection { tier, tools: start_order(&chosen) }) } else { Err(errors) }
    }

    fn choose(&self, given: &str, chosen: &[&Tool]) -> Result<&Tool, String> {
        let shown: String = given.chars().take(40).collect();
        if self.platform().any(|tool| tool.name.as_str() == given) {
            return Err(format!("\"{shown}\" is part of every server and cannot be chosen"));
        }
        let tool = given.parse::<ToolId>().ok().and_then(|id| self.tool(&id));
        let tool = tool.ok_or_else(|| format!("there is no tool \"{shown}\""))?;
        if chosen.iter().any(|other| other.name == tool.name) {
            return Err(format!("\"{shown}\" is chosen twice"));
        }
        Ok(tool)
    }

    /// What a tier lacks for these tools, naming the smallest tier that would do.
    fn shortage(&self, tier: Tier, chosen: &[&Tool]) -> Option<String> {
        let ram: u64 = chosen.iter().map(|tool| tool.needs.ram_mb).sum();
        let disk: u64 = chosen.iter().map(|tool| tool.needs.disk_gb).sum();
        let fits = |tier: Tier| {
            let spec = self.tier(tier);
            ram <= spec.tools_ram_mb() && disk <= spec.tools_disk_gb()
        };
        if fits(tier) {
            return None;
        }
        let spec = self.tier(tier);
        let advice = Tier::ALL.iter().find(|other| fits(**other)).map_or_else(
            || "choose fewer tools".to_owned(),
            |other| format!("choose fewer, or the {other} tier"),
        );
        Some(format!(
            "these tools need {ram} MB of memory and {disk} GB of disk; the {tier} tier has {} MB and {} GB for \
             tools; {advice}",
            spec.tools_ram_mb(),
            spec.tools_disk_gb()
        ))
    }
}

/// Dependencies first, else as chosen. Cycles were refused when the catalog was loaded.
fn start_order(chosen: &[&Tool]) -> Vec<ToolId> {
    let mut order: Vec<ToolId> = Vec::new();
    while order.len() < chosen.len() {
        let ready = |tool: &&&Tool| {
            !order.contains(&tool.name)
                && tool
                    .depends_on_tools
                    .iter()
                    .all(|id| order.contains(id) || !chosen.iter().any(|t| t.name == *id))
        };
        let Some(next) = chosen.iter().find(ready).map(|tool| tool.name.clone()) else { break };
        order.push(next);
    }
    order
}

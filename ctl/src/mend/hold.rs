//! What must wait: plans that take a credential away while a worm is here, and findings that something puts back each time.

use crate::mend::report::{Item, Status};
use lapwing_agent::config::Config;
use lapwing_agent::home::Home;
use lapwing_agent::mend::Workshop;
use lapwing_agent::{examine, indicators};
use lapwing_rules::fix::planner::Planned;
use lapwing_rules::fix::refuse::{Refusal, cool_off, refuse};

/// Plans that may go on, and what is told of the others. Indicators are looked for at this moment: what the ledger says may
/// be an hour old.
pub(crate) fn hold(
    home: &Home,
    workshop: &Workshop,
    config: &Config,
    plans: Vec<Planned>,
) -> anyhow::Result<(Vec<Planned>, Vec<Item>)> {
    let open = indicators::look(home, workshop.engine(), config).open;
    let returns = examine::returns(home)?;
    let (mut go, mut wait) = (Vec::new(), Vec::new());
    for (finding, plan) in plans {
        let worm = refuse(&plan, &open).map(|refusal| ("worm", refusal));
        let held = match worm {
            Some(held) => Some(held),
            None => {
                let times = returns.get(&finding.id).copied().unwrap_or_default();
                cool_off(times).map(|refusal| ("put-back", refusal))
            }
        };
        match held.filter(|_| !plan.steps.is_empty()) {
            Some((word, refusal)) => {
                let item = Item::new(&finding, &plan, Status::Refused);
                wait.push(item.because(Status::Refused, word, "", &words(&refusal)));
            }
            None => go.push((finding, plan)),
        }
    }
    Ok((go, wait))
}

/// The reason, and what to do first, in order.
fn words(refusal: &Refusal) -> String {
    let first = refusal.first.iter().zip(1..).map(|(line, n)| format!(" {n}. {line}."));
    format!("{}. Do this first, in this order:{}", refusal.why, first.collect::<String>())
}

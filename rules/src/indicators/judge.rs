//! From traces to findings.

use super::{Indicator, Trace};
use crate::checks::Found;
use crate::cx::Cx;
use crate::engine::Engine;
use crate::finding::{Finding, Report};
use crate::rule::Kind;

impl Engine {
    /// Looks for indicators of compromise that have a path of their own, and for their programs: what every fix asks afresh
    /// before it takes a credential away.
    #[must_use]
    pub fn scan_indicators(&self, cx: &Cx<'_>) -> Report {
        let mut report = Report::default();
        self.compromised(cx, &mut report);
        report
    }

    pub(crate) fn compromised(&self, cx: &Cx<'_>, report: &mut Report) {
        let running = cx.facts.programs();
        for one in self.indicators.all.iter().filter(|i| !cx.switched_off(&i.page)) {
            let traces = one.traces(cx.facts, &running, &mut report.problems);
            report.findings.extend(traces.iter().map(|trace| self.trace(one, trace, cx)));
        }
    }

    /// Looks for indicators of compromise at a path (`~/…` or absolute) that a walk has met.
    #[must_use]
    pub fn scan_path(&self, path: &str, cx: &Cx<'_>) -> Report {
        let mut report = Report::default();
        if !self.indicators.may_be(path) {
            return report;
        }
        for one in self.indicators.all.iter().filter(|i| !cx.switched_off(&i.page)) {
            if let Some(trace) = one.trace_at(path, cx.facts, &mut report.problems) {
                // The walk may have another name for it.
                report.findings.push(Finding { path: None, ..self.trace(one, &trace, cx) });
            }
        }
        report
    }

    /// All that an indicator has left in the home is one finding. What lies in a project is one for itself: it may be a
    /// copy that somebody studies, and to live with that must not hide that it has struck.
    fn trace(&self, one: &Indicator, trace: &Trace, cx: &Cx<'_>) -> Finding {
        let path = trace.path();
        let same = if one.at_home(trace) { "" } else { path };
        let found = Found {
            same: Some(same.as_bytes().to_vec()),
            preview: format!("{}, known from {}", trace.words(), one.spec.campaign),
            path: Some(path.to_owned()),
            ..Found::default()
        };
        let inside = match trace {
            Trace::Program { id, .. } => Some(format!("process {id}")),
            Trace::File(_) | Trace::Content(_) | Trace::Unit { .. } => None,
        };
        Finding { inside, ..self.finding(&one.page, Kind::Check, found, path, cx) }
    }
}

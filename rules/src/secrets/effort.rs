//! What a search may cost: rules are tried at near misses too, and a file may consist of them. Beyond its effort a rule is
//! no longer tried, and that is told. Files that people have stay far below.

/// Steps that one rule may take for each byte that is searched; a step is about a nanosecond.
const EACH: usize = 8;
/// All rules together.
const ALL: usize = 14;
/// The same, for small inputs.
const SLACK: usize = 512 << 10;

/// What a search may still cost.
pub(crate) struct Effort {
    rules: usize,
    allowance: usize,
    /// Steps that each rule may still take; empty until one takes any.
    left: Vec<usize>,
    /// Steps that all of them may still take.
    total: usize,
    /// A rule that was not tried everywhere.
    dense: Option<usize>,
}

impl Effort {
    /// For so many rules over so many bytes.
    pub(crate) fn new(rules: usize, bytes: usize) -> Effort {
        let (allowance, total) = (EACH * bytes + SLACK, ALL * bytes + SLACK);
        Effort { rules, allowance, left: Vec::new(), total, dense: None }
    }

    /// Whether a rule may still take a step.
    pub(crate) fn may(&mut self, rule: usize) -> bool {
        if self.left.is_empty() {
            self.left.resize(self.rules, self.allowance);
        }
        let may = self.total.min(self.left[rule]) > 0;
        if !may {
            self.dense = Some(rule);
        }
        may
    }

    /// Takes down what a rule has done that [`Effort::may`] was asked for.
    pub(crate) fn spend(&mut self, rule: usize, steps: usize) {
        self.total = self.total.saturating_sub(steps);
        self.left[rule] = self.left[rule].saturating_sub(steps);
    }

    /// A rule that was not tried everywhere.
    pub(crate) fn dense(&self) -> Option<usize> {
        self.dense
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_costs_much_leaves_something_for_the_others() {
        let mut effort = Effort::new(2, 1 << 20);
        while effort.may(0) {
            effort.spend(0, 1000);
        }
        assert_eq!(effort.dense(), Some(0));
        let mut steps = 0usize;
        while effort.may(1) {
            effort.spend(1, 1000);
            steps += 1000;
        }
        assert_eq!((effort.dense(), steps >> 20), (Some(1), ALL - EACH));
    }
}

//! Strongly connected components (Tarjan, 1972).

/// The groups of two or more of `count` nodes that reach each other, each sorted.
pub(super) fn circles(
    count: usize,
    arrows: impl Iterator<Item = (usize, usize)>,
) -> Vec<Vec<usize>> {
    let mut next = vec![Vec::new(); count];
    for (from, to) in arrows {
        next[from].push(to);
    }
    let mut search = Search {
        next: &next,
        found: vec![None; count],
        lowest: vec![0; count],
        open: Vec::new(),
        is_open: vec![false; count],
        visited: 0,
        groups: Vec::new(),
    };
    for node in 0..count {
        if search.found[node].is_none() {
            search.visit(node);
        }
    }
    let mut groups = search.groups;
    groups.retain(|group| group.len() > 1);
    groups.sort();
    groups
}

struct Search<'a> {
    next: &'a [Vec<usize>],
    /// When a node was come to.
    found: Vec<Option<usize>>,
    /// The earliest open node that can be reached from it.
    lowest: Vec<usize>,
    open: Vec<usize>,
    is_open: Vec<bool>,
    visited: usize,
    groups: Vec<Vec<usize>>,
}

impl Search<'_> {
    /// Recursive: a crate has some hundred files.
    fn visit(&mut self, node: usize) {
        let time = self.visited;
        self.visited += 1;
        self.found[node] = Some(time);
        self.lowest[node] = time;
        self.open.push(node);
        self.is_open[node] = true;
        let next = self.next;
        for &to in &next[node] {
            match self.found[to] {
                None => {
                    self.visit(to);
                    self.lowest[node] = self.lowest[node].min(self.lowest[to]);
                }
                Some(found) if self.is_open[to] => {
                    self.lowest[node] = self.lowest[node].min(found);
                }
                Some(_) => {}
            }
        }
        if self.lowest[node] != time {
            return;
        }
        let start = self.open.iter().rposition(|&open| open == node).expect("it is open");
        let mut group = self.open.split_off(start);
        group.iter().for_each(|&closed| self.is_open[closed] = false);
        group.sort_unstable();
        self.groups.push(group);
    }
}

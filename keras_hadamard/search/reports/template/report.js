(() => {
  "use strict";

  // Figures take the page's colours, and again when the system turns light or dark.
  function template() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const [ink, soft, card, line] = ["--ink", "--soft", "--card", "--line"].map(colour);
    const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, tickcolor: line };
    return {
      layout: {
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        font: { color: ink, size: 12.5, family: "system-ui, sans-serif" },
        xaxis: axis,
        yaxis: axis,
        hoverlabel: { bgcolor: card, bordercolor: soft, font: { color: ink }, align: "left" },
        modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: ink },
      },
    };
  }

  const plots = [];
  const config = {
    responsive: true,
    displaylogo: false,
    // What a report shows is nobody else's.
    showSendToCloud: false,
    plotlyServerURL: "",
    modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"],
  };
  for (const source of document.querySelectorAll("script[data-for]")) {
    const { data, layout } = JSON.parse(source.textContent);
    const plot = document.getElementById(source.dataset.for);
    Plotly.newPlot(plot, data, { ...layout, template: template() }, config);
    plots.push(plot);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const plot of plots) Plotly.relayout(plot, { template: template() });
  });

  // A header sorts its table; what has no value stays at the end.
  const words = new Intl.Collator(undefined, { numeric: true });
  function key(row, column) {
    const cell = row.cells[column];
    const number = parseFloat(cell.dataset.order);
    return Number.isNaN(number) ? cell.textContent : number;
  }
  function compare(a, b) {
    const numbers = [a, b].map((value) => typeof value === "number");
    if (numbers[0] && numbers[1]) return a - b;
    if (numbers[0] || numbers[1]) return null;
    return words.compare(a, b);
  }
  for (const header of document.querySelectorAll("th")) {
    header.firstElementChild.addEventListener("click", () => {
      const column = header.cellIndex;
      const down = header.getAttribute("aria-sort") === "ascending";
      for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", down ? "descending" : "ascending");
      const body = header.closest("table").tBodies[0];
      const rows = [...body.rows].map((row) => [key(row, column), row]);
      rows.sort(([a], [b]) => {
        if (a === "" || b === "") return (a === "") - (b === "");
        const order = compare(a, b);
        // Numbers before words, whichever way.
        if (order === null) return typeof a === "number" ? -1 : 1;
        return down ? -order : order;
      });
      body.append(...rows.map(([, row]) => row));
    });
  }

  for (const field of document.querySelectorAll(".filter input")) {
    const box = field.closest(".filter");
    const rows = [...box.nextElementSibling.querySelectorAll("tbody tr")];
    field.addEventListener("input", () => {
      const wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !wanted.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      box.querySelector(".shown").textContent = `${shown} of ${rows.length} rows`;
    });
  }

  for (const cell of document.querySelectorAll("td.clipped")) {
    cell.addEventListener("click", () => cell.classList.toggle("open"));
  }
})();

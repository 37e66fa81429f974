"""The curves of a training run, to look at. Pictures of faces are in facehub.sheets."""

import pathlib


def curves(rows: list[dict], file: pathlib.Path) -> None:
    """The losses of a run's log over its steps, one panel a loss, a shade a stage, as a PNG file."""
    import matplotlib.figure  # a machine that only trains may lack it

    names = sorted({name for row in rows for name in row["losses"]})
    stages = list(dict.fromkeys(row["name"] for row in rows))
    figure = matplotlib.figure.Figure(figsize=(4 * len(names), 3), layout="constrained")
    for panel, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for stage in stages:
            points = [
                (i, row["losses"][name])
                for i, row in enumerate(rows, 1)
                if row["name"] == stage and name in row["losses"]
            ]
            if points:
                panel.plot(*zip(*points, strict=True), linewidth=0.6, label=stage)
        panel.set(
            title=name,
            xlabel="step",
            yscale="log" if all(row["losses"].get(name, 1) > 0 for row in rows) else "linear",
        )
    figure.legend(*figure.axes[-1].get_legend_handles_labels(), loc="outside lower center", ncols=len(stages))
    figure.savefig(file, format="png", dpi=100)

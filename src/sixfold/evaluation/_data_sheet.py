"""The data sheet of a product's data (Gebru et al. 2021): what is known of it, and what only its makers can say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sixfold.evaluation._appraisal import Report
from sixfold.evaluation._html import text_of
from sixfold.evaluation._papers import Answer, Paper, Part
from sixfold.evaluation._words import count, listed, shown
from sixfold.language import Text
from sixfold.product import Product

__all__ = ["data_sheet"]

_MOST_COLUMNS, _MOST_CLASSES, _MOST_FINDINGS = 60, 30, 20
_SPLITS = {
    "train": Text("training", "训练"),
    "validation": Text("validation", "验证"),
    "test": Text("test", "测试"),
}


def data_sheet(product: Product, report: Report) -> Paper:
    """The data sheet, in the questions of Gebru et al. 2021 (Datasheets for Datasets, CACM 64:12).

    Args:
        product: The declaration.
        report: The content of report.json.
    """
    data, from_where = report["data"], report["provenance"]
    return Paper(
        Text(f"Data sheet: {product.name}", f"数据表：{product.name}"),
        Text(
            "What the data are, where they came from and what was done to them, after Datasheets for Datasets (Gebru "
            "et al. 2021).",
            "这些数据是什么、从哪里来、做过什么处理；按照 Datasheets for Datasets（Gebru 等，2021）。",
        ),
        [
            Part(Text("Motivation", "动机"), _motivation(product, from_where)),
            Part(Text("Composition", "组成"), _composition(product, report)),
            Part(Text("Collection process", "收集过程"), _collection(from_where)),
            Part(Text("Preprocessing, cleaning, labelling", "预处理、清洗、标注"), _preprocessing(product, data)),
            Part(Text("Uses", "用途"), _uses(product, report)),
            Part(Text("Distribution and maintenance", "分发与维护"), _maintenance(from_where)),
        ],
    )


def _motivation(product: Product, from_where: Mapping[str, Any]) -> list[Answer]:
    origin = from_where.get("origin")
    goal = [Text(product.goal, product.goal)] if product.goal else []
    return [
        Answer(
            Text("For what purpose was the data set created?", "为什么创建这个数据集？"),
            goal,
            Text(
                "the purpose of those who made the data, if it was another than this product",
                "数据制作者当初的目的，如果与本产品不同",
            ),
        ),
        Answer(
            Text("Who created it, and who paid for it?", "由谁创建，由谁出资？"),
            [Text(str(origin), str(origin))] if origin else [],
            Text("who paid for it", "由谁出资")
            if origin
            else Text(
                "who made it and who paid for it (`collect: {origin: …}`)", "制作者和出资者（`collect: {origin: …}`）"
            ),
        ),
    ]


def _composition(product: Product, report: Report) -> list[Answer]:
    data, rows = report["data"], report["rows"]
    kinds = [Text(f"{name} ({spec.kind})", f"{name}（{spec.kind}）") for name, spec in product.columns.items()]
    parts = [
        Text(f"{title.en}: {count(int(rows[name]))} rows", f"{title.zh}：{count(int(rows[name]))} 行")
        for name, title in _SPLITS.items()
    ]
    known = [
        Text(
            f"Each row has: {listed(kinds[:_MOST_COLUMNS]).en}.",
            f"每一行有：{listed(kinds[:_MOST_COLUMNS]).zh}。",
        ),
        Text(f"{listed(parts).en}.", f"{listed(parts).zh}。"),
    ]
    classes = (data.get("splits", {}).get("train") or {}).get("classes") or {}
    labels = [Text(f"{name}: {count(rows)}", f"{name}：{count(rows)}") for name, rows in classes.items()]
    missing = {
        name: max(about["missing"].values())
        for name, about in data.get("columns", {}).items()
        if isinstance(about.get("missing"), Mapping) and max(about["missing"].values(), default=0) > 0
    }
    lacking = [
        Text(f"{name} {shown(share, 'share').en}", f"{name} {shown(share, 'share').zh}")
        for name, share in sorted(missing.items(), key=lambda one: -one[1])[:_MOST_COLUMNS]
    ]
    made = data.get("synthetic")
    answers = [
        Answer(Text("What does each row stand for, and how many are there?", "每一行代表什么，一共多少行？"), known),
        Answer(
            Text("Is there a label or target?", "有标签或目标吗？"),
            [
                Text(
                    f"{product.target_name}"
                    + (f"; training rows by class: {listed(labels[:_MOST_CLASSES]).en}" if labels else ""),
                    f"{product.target_name}"
                    + (f"；训练行按类别：{listed(labels[:_MOST_CLASSES]).zh}" if labels else ""),
                )
            ],
        ),
        Answer(
            Text("Is information missing?", "有缺失吗？"),
            [
                Text(
                    f"Share of rows without a value, at most: {listed(lacking).en}.",
                    f"没有值的行，最多：{listed(lacking).zh}。",
                )
                if lacking
                else Text("No value of a declared column is missing.", "所声明的列没有缺失值。")
            ],
        ),
        Answer(
            Text("Is it a sample of something larger, and does it represent it?", "它是更大总体的样本吗，有代表性吗？"),
            fill=Text(
                "of whom or what the rows are a sample, how they were chosen, and who is missing",
                "这些行是谁或什么的样本，怎样选出，缺了谁",
            ),
        ),
        Answer(Text("Errors, noise, redundancies", "错误、噪声、冗余"), _findings(data)),
        Answer(
            Text(
                "Does it concern people, or hold confidential or personal data?", "是否涉及人，是否含机密或个人信息？"
            ),
            _personal(product, data),
            Text(
                "whether the rows concern people, by which groups, and whether any of it is confidential",
                "这些行是否涉及人，涉及哪些群体，是否有内容需要保密",
            ),
        ),
    ]
    if made:
        answers.append(
            Answer(
                Text("Are there synthetic rows?", "有合成的行吗？"),
                [
                    Text(
                        f"{count(made['used'])} training rows were made by the generator of {made['product']}; none "
                        "validates or tests.",
                        f"{count(made['used'])} 个训练行由 {made['product']} 的生成器生成；均不用于验证或测试。",
                    )
                ],
            )
        )
    return answers


def _findings(data: Mapping[str, Any]) -> list[Text]:
    found = []
    for finding in data.get("findings", [])[:_MOST_FINDINGS]:
        said = text_of(finding.get("says", ""))
        found.append(said if isinstance(said, Text) else Text(said, said))
    return found or [Text("The checks found nothing.", "检查没有发现问题。")]


def _personal(product: Product, data: Mapping[str, Any]) -> list[Text]:
    way = product.prepare.personal_data
    told = [Text(f"Personal data in texts: `{way}`.", f"文本中的个人信息：`{way}`。")]
    found = [one for one in data.get("findings", []) if one.get("check") == "personal data"]
    if not found:
        told.append(Text("The check for personal data found none.", "个人信息检查没有发现。"))
    return told


def _collection(from_where: Mapping[str, Any]) -> list[Answer]:
    name, kind = str(from_where.get("name", "–")), str(from_where.get("kind", "–"))
    digest = str(from_where.get("digest", "–"))
    return [
        Answer(
            Text("Where were the rows read?", "行从哪里读取？"),
            [
                Text(
                    f"From {name} ({kind}), whose content has the digest {digest}.",
                    f"来自 {name}（{kind}），其内容的摘要是 {digest}。",
                )
            ],
        ),
        Answer(
            Text("How was it acquired, by whom, over what time?", "怎样获得，由谁，在什么时间？"),
            fill=Text(
                "instruments or people that recorded it, what they were paid, and when",
                "用什么仪器或由谁记录，报酬如何，时间段",
            ),
        ),
        Answer(
            Text("Were people told, and did they consent?", "当事人是否知情并同意？"),
            fill=Text(
                "how people were told, what they agreed to, how they can take it back, and any ethical review",
                "怎样告知，同意了什么，怎样撤回，是否经过伦理审查",
            ),
        ),
    ]


def _preprocessing(product: Product, data: Mapping[str, Any]) -> list[Answer]:
    left_out = {reason: rows for reason, rows in (data.get("left_out") or {}).items() if rows}
    way = (data.get("split") or {}).get("way", "–")
    said = ", ".join(f"{reason} {count(rows)}" for reason, rows in left_out.items()) or "–"
    derived = ", ".join(f"{name}: {rule}" for name, rule in product.collect.columns.items())
    known = [
        Text(f"Split: {way}. Rows left out: {said}.", f"划分方式：{way}。未采用的行：{said}。"),
        Text(
            "Columns were turned into arrays by fields fitted on training rows alone; raw rows are kept, encrypted, in "
            "the store.",
            "各列由只在训练行上拟合的字段转换为数组；原始的行加密保存在存储中。",
        ),
    ]
    if derived:
        known.append(Text(f"Derived columns: {derived}.", f"派生的列：{derived}。"))
    return [
        Answer(Text("What was done to it here?", "在这里做了什么处理？"), known),
        Answer(
            Text("Who labelled it, and how?", "由谁标注，怎样标注？"),
            fill=Text(
                "who set the target, by which rules, how often two people disagreed, and what was done then",
                "目标由谁确定，按什么规则，两人不一致的比例，如何处理",
            ),
        ),
    ]


def _uses(product: Product, report: Report) -> list[Answer]:
    task = report["product"]["task"]
    return [
        Answer(
            Text("What has it been used for?", "已用于什么？"),
            [Text(f"{product.name}: {task['en']}.", f"{product.name}：{task['zh']}。")],
        ),
        Answer(
            Text("What should it not be used for?", "不应用于什么？"),
            fill=Text("uses that would be unfair, unsafe or against its licence", "会不公平、不安全或违反许可的用途"),
        ),
    ]


def _maintenance(from_where: Mapping[str, Any]) -> list[Answer]:
    licence = from_where.get("licence")
    return [
        Answer(
            Text("Under which licence may it be used?", "按什么许可使用？"),
            [Text(str(licence), str(licence))] if licence else [],
            None if licence else Text("the licence (`collect: {licence: …}`)", "许可（`collect: {licence: …}`）"),
        ),
        Answer(
            Text("Who keeps it, how is it mended, how long is it held?", "由谁维护，如何更正，保留多久？"),
            fill=Text(
                "a name and an address, how errors are reported, how often it is renewed, when it is deleted",
                "负责人与联系方式，怎样报告错误，多久更新，何时删除",
            ),
        ),
    ]

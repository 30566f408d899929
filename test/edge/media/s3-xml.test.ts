import { describe, expect, test } from "vitest";
import { elementsOf, escapeXml, textOf } from "../../../edge/media/s3-xml.ts";

describe("the S3 API's XML", () => {
  test("text comes back as it was before escaping", () => {
    const text = `a&b<c>"d"'e' é &amp;`;
    expect(textOf(`<Key>${escapeXml(text)}</Key>`, "Key")).toBe(text);
    expect(textOf("<ETag>&quot;x&quot;</ETag>", "ETag")).toBe('"x"');
    expect(textOf("<K>&#x1F600;&#233;&apos;&unknown;</K>", "K")).toBe("\u{1f600}é'&unknown;");
  });

  test("an element is found by its whole name, with attributes and namespaces or none", () => {
    const xml = '<?xml version="1.0"?><R xmlns="urn:x"><KeyCount>2</KeyCount><Key>k</Key></R>';
    expect(textOf(xml, "Key")).toBe("k");
    expect(textOf(xml, "Missing")).toBeNull();
    expect(textOf('<UploadId a="b">u</UploadId>', "UploadId")).toBe("u");
    expect(textOf("<Key></Key>", "Key")).toBe("");
  });

  test("every element of a name is given, over lines and in order", () => {
    const xml = "<L><C>\n <Key>1</Key></C><CC>no</CC><C><Key>2</Key></C></L>";
    expect(elementsOf(xml, "C").map((inner) => textOf(inner, "Key"))).toEqual(["1", "2"]);
    expect(elementsOf(xml, "None")).toEqual([]);
  });
});

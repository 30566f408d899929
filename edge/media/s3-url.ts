/** Where an object is in an S3 API, path style: R2's S3 endpoint and every self-hosted one know it. */

export interface S3Location {
  /** E.g. `https://<account>.r2.cloudflarestorage.com`; a path is kept. */
  readonly endpoint: string;
  readonly bucket: string;
}

export function bucketUrl({ endpoint, bucket }: S3Location): URL {
  return new URL(`${endpoint.replace(/\/+$/, "")}/${encodeURIComponent(bucket)}`);
}

export function objectUrl(location: S3Location, key: string): URL {
  return new URL(`${bucketUrl(location)}/${key.split("/").map(encodeSegment).join("/")}`);
}

/** RFC 3986 unreserved characters only, as SigV4's canonical URI wants them. */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

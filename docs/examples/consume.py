"""Flows from Weir's topics as JSON lines, with kafka-python and fastavro: no code of Weir's.

    pip install kafka-python fastavro zstandard
    python consume.py BROKERS TOPIC SCHEMA.avsc [SCHEMA.avsc ...] [--registry URL] [--follow]

The schemas are Weir's published ones (schemas/*.avsc, older ones in schemas/versions/). Values are in Avro's single-object
encoding, or with a registry in Confluent wire format; both are read. Without --follow it ends where the topic ends now.
"""

import argparse
import io
import ipaddress
import json
import sys
import urllib.request

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form
from kafka import KafkaConsumer, TopicPartition


def single_object_header(schema):
    # fastavro writes the fingerprint as the hex digits of its little-endian bytes.
    return b"\xc3\x01" + bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))


class Decoder:
    def __init__(self, files, registry):
        self.registry = registry
        self.schemas = {}
        self.ids = {}
        for file in files:
            with open(file, encoding="utf-8") as text:
                schema = json.load(text)
            self.schemas[single_object_header(schema)] = fastavro.parse_schema(schema)

    def decode(self, value):
        if value[:1] == b"\x00" and self.registry:
            schema, body = self.registered(int.from_bytes(value[1:5], "big")), value[5:]
        else:
            schema, body = self.schemas.get(value[:10]), value[10:]
        if schema is None:
            raise ValueError(f"no schema for a message that begins with {value[:10].hex()}")
        return fastavro.schemaless_reader(io.BytesIO(body), schema)

    def registered(self, schema_id):
        if schema_id not in self.ids:
            with urllib.request.urlopen(f"{self.registry}/schemas/ids/{schema_id}") as answer:
                self.ids[schema_id] = fastavro.parse_schema(json.loads(json.load(answer)["schema"]))
        return self.ids[schema_id]


class Seen:
    """Delivery is at least once: of each stream, what lies below the number that was reached is a repeat."""

    def __init__(self):
        self.reached = {}
        self.recovered = set()

    def is_new(self, ring, first, next_number, losses):
        # A dead letter that came back has the numbers of the loss that was told for it, and says so.
        if any(loss["reason"] == "recovered" for loss in losses):
            before = len(self.recovered)
            self.recovered.add((ring, first))
            return len(self.recovered) > before
        if next_number <= self.reached.get(ring, 0):
            return False
        self.reached[ring] = next_number
        return True


def address(value):
    parsed = ipaddress.IPv6Address(value)
    return str(parsed.ipv4_mapped or parsed)


def name(batch, index):
    return batch["workloads"][index]["name"] if index >= 0 else None


def raw_flows(batch, seen):
    if not seen.is_new(batch["ring"], batch["first"], batch["next"], batch["losses"]):
        return
    for flow in batch["flows"]:
        yield {
            "ring": batch["ring"],
            "number": batch["first"] + flow["number_offset"],
            "local": f"{address(flow['local_addr'])} {flow['local_port']}",
            "remote": f"{address(flow['remote_addr'])} {flow['remote_port']}",
            "local_workload": name(batch, flow["local_workload"]),
            "role": flow["role"],
            "outcome": flow["outcome"],
            "bytes_sent": flow["bytes_sent"],
            "bytes_received": flow["bytes_received"],
        }


def enriched_flows(batch, seen):
    row = 0
    for source in batch["sources"]:
        flows = batch["flows"][row : row + source["rows"]]
        row += source["rows"]
        if not seen.is_new(source["ring"], source["first"], source["next"], source["losses"]):
            continue
        for flow in flows:
            yield {
                "ring": source["ring"],
                "number": flow["flow_number"],
                "src": f"{address(flow['src_addr'])} {flow['src_port']}",
                "dst": f"{address(flow['dst_addr'])} {flow['dst_port']}",
                "src_workload": name(batch, flow["src_workload"]),
                "dst_workload": name(batch, flow["dst_workload"]),
                "outcome": flow["outcome"],
                "bytes_to_dst": flow["bytes_to_dst"],
                "bytes_to_src": flow["bytes_to_src"],
            }


def flows_of(value, seen):
    if "sources" in value:
        return enriched_flows(value, seen)
    if "flows" in value:
        return raw_flows(value, seen)
    # The topic of single flows: the value is the row itself.
    return [value]


def messages(consumer, partitions, follow):
    ends = consumer.end_offsets(partitions)
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    while follow or any(consumer.position(p) < ends[p] for p in partitions):
        for records in consumer.poll(timeout_ms=500).values():
            yield from records


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("brokers")
    parser.add_argument("topic")
    parser.add_argument("schemas", nargs="+")
    parser.add_argument("--registry", default="")
    parser.add_argument("--follow", action="store_true")
    options = parser.parse_args()
    decoder = Decoder(options.schemas, options.registry.rstrip("/"))
    consumer = KafkaConsumer(bootstrap_servers=options.brokers.split(","))
    partitions = [TopicPartition(options.topic, p) for p in sorted(consumer.partitions_for_topic(options.topic) or [])]
    if not partitions:
        sys.exit(f"there is no topic {options.topic}")
    seen = {p.partition: Seen() for p in partitions}
    for message in messages(consumer, partitions, options.follow):
        for flow in flows_of(decoder.decode(message.value), seen[message.partition]):
            print(json.dumps(flow, default=str))


if __name__ == "__main__":
    main()

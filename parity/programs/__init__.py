"""The real programs: how each is got, and what it is compared in."""

from dataclasses import dataclass


@dataclass
class Program:
    name: str
    # From the kit: a client, or Missing is raised.
    prepare: object
    # From the farm: the cases.
    cases: object


def every():
    from . import java, libmemcached, node, others, perl, php, proxies, python

    modules = (proxies, libmemcached, php, python, node, java, perl, others)
    return [program for module in modules for program in module.PROGRAMS]
